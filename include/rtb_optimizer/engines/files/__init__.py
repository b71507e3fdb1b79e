"""Log files of a store, read by ranges: few requests, each range once as long as there is memory for it.

source      the interface of a store, and its errors' place
fetches     ranges that are in memory or on their way
layout      where the row groups and columns of a Parquet file are, and what to read at once (pure)
read_order  what is read before it is requested
stored      the files, as DuckDB and pyarrow read them
"""
