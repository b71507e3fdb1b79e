"""The parts of the DAGs that Airflow loads besides the graph in dags/rtb_optimizer_entities.py.

entities   the entities of each DAG file
params     the trigger form
request    builds the request for a run from a task's context
sensors    the deferred wait for the logs
retries    the retry policy
callbacks  for failed tasks, failed dag runs and decided runs
lineage    reports to OpenLineage what tasks read and wrote
notifier   sends the alerts of a run
preload    imports what tasks need in the scheduler that forks them
listener   ends the run of a dag run that a user marks as failed
"""
