"""The pages and the JSON API that the Airflow UI shows: server-rendered, read through Airflow's own permissions."""
