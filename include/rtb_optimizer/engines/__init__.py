"""Engines that count the logs.

protocol, progress  the interface of an engine; progress lines of long statements
sql/      the statements
passes/   one pass over the logs each: profile, arrivals, sample, duplicates
duckdb/   the engine of this machine
spark/    the engine of a cluster
files/    log files of a store, read by ranges
parquet/  row groups of Parquet files, read without SQL
exact/    exact counts of the rows of a table
"""
