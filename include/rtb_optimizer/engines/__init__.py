"""Where the logs are counted.

protocol, progress  what an engine is; progress lines of long statements
sql/      the statements
passes/   one pass over the logs each: profile, arrivals, sample, duplicates
duckdb/   the engine of this machine
parquet/  row groups of Parquet files, read without SQL
exact/    exact counts of the rows of a table
"""
