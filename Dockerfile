# Airflow's own image with exactly the packages of requirements.txt, at the versions that the tests ran on: no tools, and
# no servers of the local stack. docker-compose.yaml runs this target, with the code mounted into it.
FROM apache/airflow:3.3.2-python3.11 AS compose

COPY requirements.txt /opt/airflow/requirements.txt
RUN uv pip sync --no-cache --require-hashes /opt/airflow/requirements.txt \
    && python -c "from airflow.providers.celery.executors.celery_executor import CeleryExecutor"

# Volumes take their owner from the folder they cover; without these they would be root's.
RUN mkdir -p /opt/airflow/auth /opt/airflow/manifest

# What deploy/kubernetes/values.yaml runs: KubernetesExecutor beside it, and the code baked in, since a pod mounts no
# checkout. Bytecode is compiled here: a pod could not keep it, and each task would compile all that it imports.
FROM compose AS kubernetes

COPY requirements-kubernetes.txt /opt/airflow/requirements-kubernetes.txt
RUN uv pip sync --no-cache --compile-bytecode --require-hashes \
        /opt/airflow/requirements.txt /opt/airflow/requirements-kubernetes.txt \
    && python -c "from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor"

COPY include /opt/airflow/include
COPY plugins /opt/airflow/plugins
COPY dags /opt/airflow/dags
# The code is root's, so that no task can change it.
USER root
RUN python -m compileall -q /opt/airflow/include /opt/airflow/plugins /opt/airflow/dags
USER airflow
ENV PYTHONPATH=/opt/airflow/include
