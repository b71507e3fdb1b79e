"""Configuration: keys, their resolution to a snapshot and typed settings, and the window of a run.

key           one declared key: type, limits, parsing of a value
resolve       version defaults, entity overrides and trigger overrides into one snapshot
snapshot      the configuration of a run, as its row stores it
settings      the snapshot as typed settings
rules         the rules between keys
roles         which two roles one column cannot have
schedule      the cron expressions that Airflow runs as meant
logs_path     the folders of a window, by the parts of a date in logs_path
stored_as     how the columns of a table of a lake lie in its files
formats       the formats of log files, by their first bytes
spark         what Spark reads of a configuration: patterns of times, formats
window        the half-open window of a run, in local days
retired       keys of earlier releases, and what holds in their place
event_logs    wins and outcomes in logs of their own: which events count, for which rows
column_facts  what a sample says of a column
likely_roles  guesses which column has which role
likely_events  guesses the same of logs of events, and of events that lie among the rows
likely_money  guesses which columns are the cost and the bid, or says what is left open
challenge     the keys that a challenger may override, and the share that it may have
deliveries    where exports are delivered to, and by which connection
row_filter    the rows of shared logs that are an entity's
currencies    rates of currencies by day
"""
