"""What is remembered: the catalog in PostgreSQL, and the objects in S3.

connections      the three Airflow connections; sessions
schema, migrate  tables and constraints; migrations/ by Alembic
seeds            the optimizer, its version, dialects and platform fields: seeds/*.toml
entities, configs, runs, history, queries      the catalog's rows
activation, manual_activation, active_copy     how the pointer moves, and its copy in S3
verification, validity                         outputs as recorded; until when a table is valid
failures, alerts                               how a run fails; what is to be sent
objects, partitions, run_retention             S3 objects, the partitions of logs, objects of past runs
dag_list, dag_list_export, entity_overview     which entities have a DAG; the list on the pages
"""
