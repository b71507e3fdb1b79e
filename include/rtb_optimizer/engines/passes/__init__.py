"""One pass over the logs each.

profile       rows, sums and anomalies by day and minute
arrivals      rows outside the window, bursts, late days
limits        refuses logs of which too much does not count
legibility    texts and lines that cannot be read
sampling      the case-control sample
origin        the file and the minute of a sample's rows
arms          sums of the sample by day, arm and what bought its rows
encoding      raw columns to codes of canonical values
duplicates    rows that repeat another
events        joins the events of win logs and outcome logs to the rows
incomplete_events  events that lack their kind or their amount
column_facts  how much of a column is missing, how many values it has
money_facts   what columns of money say together: costs, bids, flags of wins
"""
