"""What bidders read, seen from the logs that it bought.

row_bids       the bid of each row: frozen when a run begins, looked up in the tables of their time
realized       what came of the active policy: its days, its lift over the holdback, the verdict
summary        the same, for pages, API and command line
challengers    what is known of an entity's challenger, and its decision by evidence
standing_down  takes a policy off the pointer that is proven harmful
"""
