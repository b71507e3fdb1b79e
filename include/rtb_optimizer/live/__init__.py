"""What bidders read, seen from the logs that it bought.

row_bids  the bid of each row: frozen when a run begins, looked up in the tables of their time
"""
