"""The Airflow settings that this project relies on, whatever starts Airflow.

The local stack and docker-compose.yaml both set them; tests/project/test_compose.py compares the file with these.
"""

AIRFLOW_SETTINGS: dict[str, str] = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # The first call of a worker builds the execution API, which takes longer than the default 5 seconds.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    # An executor slot is held up to this long after a task ends; the default of 5 s halves the throughput.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # How soon a changed DAG list is read: the default is 300 s.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    # One parse of 1,000 DAGs costs seconds: entity DAGs change with the DAG list, not over time.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    # How soon the DAG of a paused or removed entity disappears: the defaults add up to two minutes.
    "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "15",
    # Between two tasks the scheduler sleeps; the default second is most of a run's overhead.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
    # The time after which a killed worker is detected; the default is 300 s.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    # The interval of the search for tasks of a killed scheduler; the default is 300 s.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "250",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "100",
    "AWS_EC2_METADATA_DISABLED": "true",
}
