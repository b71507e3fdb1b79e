"""Feature selection: which columns become features, in which order.

select        the greedy search, its rules and stopping criteria
scoring       cross-fitted deviance gain of a candidate
interactions  pairs and triples of features
pair_screen   the pairs of columns with outcomes that neither column explains
hidden_pairs  pairs that say something only together, and the columns that enter with them
unjoined      outcomes in event rows that were never joined to their exposures
fading        what the active run bid by, kept until its rows have moved to 1
leaks         columns that leak the outcome
purity        values with too few rows without the outcome
last_day      features whose values on the last day are not those of the days before
unbought      rows that were never bought, and columns that tell which were
written_after values whose rows are like rows with the outcome by every other column
bands         numbers cut into bands, to know what a column would say so
rejection     reason codes of candidates that are left out
denied_names  the names of columns that are denied, matched by word
identifiers   columns whose values identify people or devices
spellings     values that are one but for their spelling, or that spell nothing
totals        rows that are the sum of the others
running_totals counts that run on from row to row
redelivered   rows that were delivered again under new ids
unlike_files  files whose outcomes are inverted or lost
value_checks  warnings about unreadable values and uninformative anchors
"""
