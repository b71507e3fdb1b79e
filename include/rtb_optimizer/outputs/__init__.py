"""What a run leaves in S3, written and read back.

documents/   the JSON documents of tasks and outputs, as frozen types
files        bytes from decisions: Parquet tables, JSON
published    a run read back: configuration, features, rows
frames       a run, its table and an entity's history as pandas DataFrames
explain      the bid of a request, explained by the rows that match
compare      what differs between two runs, and why
what_if      the result of a what-if run
spreadsheet  CSV that is safe to open in a spreadsheet
report_page/ the report as one HTML page
"""
