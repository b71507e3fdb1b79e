"""The SQL of a run, in one portable text.

dialect   what engines spell otherwise
table     the statements; a row's instant and local day
grouping  many terms counted in one scan
columns   the columns that a configuration needs
times     a row's time, however it is written
amounts   outcomes, exposures and money of a row, with currencies
bids      what bought a row: its run, its multiplier, its arm
identity  the columns that identify a row
"""
