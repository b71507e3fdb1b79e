# Airflow's own image with exactly the packages of requirements.txt, at the versions that the tests ran on: no tools, and
# no servers of the local stack.
FROM apache/airflow:3.3.2-python3.11

COPY requirements.txt /opt/airflow/requirements.txt
RUN uv pip sync --no-cache --require-hashes /opt/airflow/requirements.txt \
    && python -c "from airflow.providers.celery.executors.celery_executor import CeleryExecutor"

# Volumes take their owner from the folder they cover; without these they would be root's.
RUN mkdir -p /opt/airflow/auth /opt/airflow/manifest
