"""What came of the tables: two arms compared over the nights of a policy, one entity under one configuration.

evidence  the sums of both arms over the nights, and how much those vary by chance
lift      the lift of results per spend, with an interval that holds at every look, and when more will be known
policy    whether a policy is watched, harmful, better or worse, in words
"""
