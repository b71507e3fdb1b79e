"""Persistence: the catalog in PostgreSQL and the objects in S3.

connections                               the catalog's engine and sessions, the client of S3
airflow_connections, catalog_connection   looks up Airflow connections; reads the catalog's
engine_connection                         the Airflow connection of a Spark cluster
schema, migrate                           tables and constraints; migrations/ by Alembic
seeds, retirement                         writes version, keys and macros of seeds/*.toml; deletes retired keys
locks, leases                             waits for the lock of a row; the lock of a command-line run's process

entities, configs, runs                   the rows of entities, of their configuration and of their runs
queries, history, trends                  reads of the catalog for commands, API and pages
macros                                    the macro template of each feature and format, for all entities or one
what_if                                   creates what-if runs, which are never activated
failures, alerts                          ends runs as failed; the alerts to send

activation, manual_activation             moves the active-run pointer; by hand, after checks
active_copy, copy_audit                   writes active.json, the pointer's copy in S3; compares it with the catalog
deliveries                                copies exports of the active run to other buckets
verification, validity                    checks outputs against their rows; until when active runs are valid
challengers, challenger_runs              opens, promotes and drops challengers; their runs
manual_challenge                          opens, promotes and drops challengers by hand, after checks
policies, outcomes                        which runs belong to one policy; outcomes of live runs, by day and arm
siblings                                  which runs of other entities a new run learns from

objects, log_objects                      S3 objects; reads of log objects by ranges, as they were listed
run_retention                             the catalog side of retention
row_copies, redirected, scratch_objects   a catalog and a prefix of its own for a run that is rebuilt
dag_list, dag_list_export                 the DAG list: read and written; exported from the catalog
entity_overview                           one page of the entity list
"""
