"""What Airflow loads beside the graph of dags/rtb_optimizer_entities.py.

entities   which entities a DAG file builds DAGs for
params     the trigger form
request    a task's context as the request for a run
sensors    the deferred wait for the logs
retries    which failures are tried again
callbacks  what happens when a task or a dag run fails, and when a run is decided
notifier   sends the alerts of a run
listener   ends the run of a dag run that a user marks as failed
"""
