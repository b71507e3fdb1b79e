"""The embedded stack: PostgreSQL, an S3-protocol store and Airflow on one machine, supervised."""
