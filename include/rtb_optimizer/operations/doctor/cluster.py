"""Reads an object of an entity's logs on the cluster that counts it, as a run does."""

from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.spark.session import Cluster
from rtb_optimizer.errors import ConnectionMissing, LogsInvalid, TransientError
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding
from rtb_optimizer.operations.doctor.logs import first_log
from rtb_optimizer.store.engine_connection import spark_connect
from rtb_optimizer.store.log_objects import LogObjects

NAME = "cluster"


def first_object(logs_path: str, key: str = "logs_path") -> Finding:
    """Open a session, and count the first object below the fixed part of a log path there."""
    found = first_log(logs_path)
    if found is None:
        fix = f"deliver the logs, or correct {key}: `python -m rtb_optimizer config set ENTITY {key}=...`"
        return Finding(NAME, CheckStatus.WARNING, f"{logs_path}: there is no object yet", fix)
    url, listed = found
    try:
        cluster = Cluster(*spark_connect())
        with SparkEngine(cluster, LogObjects.of({url: listed})) as engine:
            described = engine.described
            columns = engine.open_logs([url])
            rows = engine.rows()
    except ConnectionMissing as problem:
        return Finding(NAME, CheckStatus.FAILED, str(problem), "set AIRFLOW_CONN_RTB_ENGINE=spark-connect://HOST:15002")
    except TransientError as problem:
        fix = "start the cluster, or correct connection rtb_engine; its executors need rights to read the logs"
        return Finding(NAME, CheckStatus.FAILED, str(problem), fix)
    except LogsInvalid as problem:
        fix = "see docs/past-one-machine.md for what Spark reads, or set engine = duckdb"
        return Finding(NAME, CheckStatus.FAILED, str(problem), fix)
    summary = f"{described} at {cluster.named}: {url}, {rows:,} rows, {len(columns)} columns"
    return Finding(NAME, CheckStatus.OK, summary)
