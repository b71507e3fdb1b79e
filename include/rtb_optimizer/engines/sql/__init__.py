"""The SQL of a run, in one portable text.

dialect   what engines spell otherwise
table     the statements; a row's instant and local day
grouping  many terms counted in one scan
columns   the columns that a configuration needs
lookup    what configured names are found as: columns, paths, keys of folders
times     a row's time, however it is written
amounts   outcomes, exposures and money of a row, with currencies
bids      what bought a row: its run, its multiplier, its arm
events    the join of events to their rows
identity  the columns that identify a row
"""
