"""Spark, past one machine: a thin client of Spark Connect; the rows stay on the cluster.

engine    the engine
dialect   its SQL
log_view  log files as a table on the cluster
files     Parquet files with the places of their rows
columns   configured columns that files spell or nest otherwise
file_values    values that all rows of a file share; rows that are deleted
table_columns  the columns and rows of a table of a lake where they differ from those of its files
nanoseconds    times in nanoseconds, which Spark has no type of
unions    rows of files whose columns have different types
types     names of types
session   a session of the cluster, with the settings that the counts need
failures  its errors, sorted: of the cluster, of the store or of the logs
"""
