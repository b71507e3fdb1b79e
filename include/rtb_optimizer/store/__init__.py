"""Persistence: the catalog in PostgreSQL and the objects in S3.

connections      the Airflow connections of the catalog and of S3; sessions
engine_connection                              the one of a cluster that counts
schema, migrate  tables and constraints; migrations/ by Alembic
seeds            the optimizer, its version, dialects and platform fields: seeds/*.toml
macros           the macro template of each feature and format, of all entities and of one
locks                                          waits for a row's lock, and says who holds it
leases                                         of runs of the command line: whether their process lives
entities, configs, runs, history, queries      the catalog's rows
what_if                                        creates what-if runs, which are never activated
activation, manual_activation, active_copy     moves the active-run pointer; its copy in S3
deliveries                                     exports of what is active, copied to other buckets
copy_audit                                     compares that copy with the catalog
challengers, challenger_runs                   opens, promotes and drops challengers; their runs
manual_challenge                               the same by a person, with the checks of a decision by hand
siblings                                       which runs of other entities a new run learns from
policies                                       which runs belong to one policy; those found harmful
outcomes                                       what came of runs that were live, by day and arm
verification, validity                         checks outputs against their rows; validity of active runs
failures, alerts                               ends runs as failed; alerts to send
log_objects                                    reads log objects by ranges, as they were listed
row_copies, redirected, scratch_objects        a catalog and a prefix for a run that is made again
objects, run_retention                         S3 objects; objects of past runs
trends                                         the last runs of an entity, for plots
dag_list, dag_list_export, entity_overview     the entities that have a DAG; the entity list of the web pages
"""
