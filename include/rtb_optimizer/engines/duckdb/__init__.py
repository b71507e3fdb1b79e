"""DuckDB on this machine: out of core, memory-bounded, straight on Parquet in S3 (through files/).

engine        the engine
identified    which engine it is, and how it hashes
log_view      files as the table that every statement reads
columns       configured columns that files spell, nest or store otherwise
table_columns  the columns and rows of a table of a lake where they differ from those of its files
text_files    delimited text and JSON lines, staged as Parquet
json_columns  which columns files of JSON lines have
failures      its errors, sorted: of the machine or of the logs
names         identifiers and file names, quoted
shared_files  reads of S3 objects that DuckDB's threads share
spill         the temporary folder for what does not fit into memory
"""
