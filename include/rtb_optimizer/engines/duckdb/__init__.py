"""DuckDB on this machine: out of core, memory-bounded, straight on Parquet in S3.

engine        the engine, and the classification of its errors: of the machine or of the logs
shared_files  reads of S3 objects that DuckDB's threads share
spill         the temporary folder for what does not fit into memory
"""
