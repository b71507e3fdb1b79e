"""DuckDB on this machine: out of core, memory-bounded, straight on Parquet in S3.

engine        the engine, and which errors are the machine's and which the logs'
shared_files  reads of S3 objects that DuckDB's threads share
spill         the temporary folder for what does not fit into memory
"""
