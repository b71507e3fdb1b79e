"""Which columns become features.

select        the greedy search, its rules and its end
scoring       cross-fitted deviance gain of a candidate
interactions  pairs and triples of features
leaks         columns that know the outcome
rejection     reason codes of candidates that are left out
value_checks  warnings about unreadable values and idle anchors
"""
