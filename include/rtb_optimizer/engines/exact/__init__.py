"""Exact counts of the published rows, from one full pass.

counts     chooses between arrays and SQL; the counts of every factor
people     the people behind each published row
measuring  the measures of a batch of rows
cells      from raw values to published cells
cell_sums  integer sums by cell
key_rows   the rows of joint keys, which have no other sums
grouped_sums  the same from raw values that SQL has grouped
"""
