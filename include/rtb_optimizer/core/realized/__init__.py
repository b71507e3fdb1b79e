"""What came of what bidders read: the bids that bought the logs, and the response of volume to a bid.

arms        the arm of a request: bid by the table, or held back
row_bids    the multiplier that each row was bought at, by the best source there is
elasticity  how volume follows a multiplier, measured across activations
"""
