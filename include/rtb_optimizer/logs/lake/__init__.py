"""Tables of a lake as logs: what their log says lies there, not what lies there.

location        whether a folder is a table, lies in one or holds one
snapshot        a table as it was committed once: its files, and which of them hold rows of a window
days            the days of a window as partitions of a snapshot
tables          the partitions of a window, of a table or of plain files
delta           reads the snapshot of a Delta table
iceberg         reads the snapshot of an Iceberg table
iceberg_catalog the metadata of a table that its catalog names
iceberg_files   the files that describe it, and the rows that are deleted
iceberg_store   the store of the logs as pyiceberg reads it
schema_changes  whether its files differ in what they call a column
"""
