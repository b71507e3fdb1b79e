"""The SQL of a run, in one portable text.

table     the statements; a row's instant and local day; the columns that logs must have
amounts   what a row counts: outcomes, money, currencies
identity  what identifies a row, quoting of literals
"""
