"""The parts of the steps: from a run's logs to the documents that it publishes.

request             what starts a run: entity, window, overrides, who
workspace           a run as its steps see it: settings, window, objects, logs
lake                which snapshots of tables of a lake a run reads
folder_zone         the time zone at whose midnights the folders of the logs are cut
handover            what one step hands the others: documents and parts of one try
opened_logs         the logs in an engine, wins and outcomes joined
found_columns       what files of JSON lines hold, found once for both steps that count
event_partitions    the partitions of win logs and outcome logs
event_volume        how many events a day has, against other days and earlier runs
read_logs           what a run reads off its logs first, and when they are refused
delivered_rows      rows that are not what they were delivered as, as totals, running totals, retries
volume              the volume of the logs by day and hour, and against the active run's
bought_sample       the sample with the bids that bought its rows
live_days           outcomes of the tables that were live, by day and arm
screen_candidates   which candidates are considered, and why others are not
choose_features     which of them are selected
selection_warnings  warnings about a selection and its rows
find_leaks          leaks in values, scores and interactions
suspected_leaks     the columns that are suspected to leak the outcome, and what they would carry
drift               how the values of features have shifted since the active run's window
shared_reading      one reading of the logs, from which a challenger's run selects as well
sample_file         the sample, handed from step to step as Arrow
selection_document  what select_features hands on
build_tables        the tables of a run, and their summary
exports             the tables compiled for ad platforms
export_fields       the platform's field of each feature, and the fields that are refused
export_warnings     warnings about what exports lose
macro_combos        the macro combo of each format
prove_macros        the proof that look-ups through macros find the rows
siblings            what other entities have in common, read once
active_before       the run that was active when this one began
changed_inputs      warnings about inputs and entities that changed meanwhile
what_if             how a what-if run differs from the active run
groups              who gains and who pays for it, by value
losses              warnings about columns that a run lacks
warnings            the other warnings of a run
gates               the facts that activation is decided on, and their limits
report_document     the report and the manifest
capsule             everything that made a run, recorded
capsule_rows        the rows of the catalog that its steps read
made_by             what a run is made by: release, code, packages, engine
lineage             what a task read and wrote: datasets, rows, gates
key_metrics         the figures that lists show and plots follow
"""
