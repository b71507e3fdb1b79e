"""Results of the tables that bidders read: the bids that bought the logs, and the verdict on a policy.

arms        the arm of a request: bid by the table, or held back
row_bids    the multiplier that each row was bought at
elasticity  how volume follows a multiplier, measured across activations
calibration realized beside predicted outcomes, by deciles and by value
groups      who gains and who pays when a table changes, by the largest values
evidence    sums of two arms, night by night, and what they say of the results per spend
lift        the lift of one arm over another, with an interval that holds at every look
policy      the verdict on a policy: watching, harmful, better, worse
"""
