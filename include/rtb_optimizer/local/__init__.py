"""The local stack: PostgreSQL, an S3 store and Airflow from Python wheels, for `make up`, `make demo` and tests.

stack, supervisor, daemon, startup, state, status, endings   starting, monitoring and stopping the processes
postgres, postgres_account, object_store, airflow, airflow_api, airflow_settings   one service each
settings, environment, credentials, store_keys, ports, preflight, binaries, files, processes   their prerequisites
"""
