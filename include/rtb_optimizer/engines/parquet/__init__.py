"""Parquet files without SQL.

row_groups  row groups, their bounds from the footer, texts as dictionary and codes
"""
