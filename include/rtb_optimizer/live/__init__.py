"""What bidders read, seen from the logs that it bought.

row_bids       the bid of each row: frozen when a run begins, looked up in the tables of their time
realized       results of the active policy: its days, its lift over the holdback, the verdict
summary        the same, for pages, API and command line
challengers    results of an entity's challenger, and its decision by evidence
standing_down  takes a policy that is proven harmful off the pointer
"""
