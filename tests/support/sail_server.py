"""Sail: a server of Spark Connect in one process without a JVM, which shares no code with Spark or DuckDB."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from rtb_optimizer.engines.spark.session import Cluster

SERVE = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def sail_server(**environment):
    """Serve until the block is left; yields the cluster. What it reads S3 with is in its environment."""
    limits = {"RAYON_NUM_THREADS": "2", "TOKIO_WORKER_THREADS": "2", "SAIL_EXECUTION__DEFAULT_PARALLELISM": "2"}
    served = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | limits | environment,
    )
    try:
        port = int(served.stdout.readline())
        yield Cluster(f"sc://127.0.0.1:{port}", s3_scheme="s3")
    finally:
        served.stdin.close()
        served.wait(30)
        served.stdout.close()


@contextmanager
def sail_on_s3():
    """Serve on the store of the tests, as the connection that a run finds."""
    form = json.loads(os.environ["AIRFLOW_CONN_RTB_S3"])
    rights = {"AWS_ACCESS_KEY_ID": form["login"], "AWS_SECRET_ACCESS_KEY": form["password"], "AWS_REGION": "us-east-1"}
    rights |= {"AWS_ENDPOINT_URL": form["extra"]["endpoint_url"], "AWS_ALLOW_HTTP": "true"}
    with sail_server(**rights) as cluster, pytest.MonkeyPatch.context() as patch:
        host, port = cluster.named.removeprefix("sc://").split(":")
        connection = {"conn_type": "spark_connect", "host": host, "port": int(port), "extra": {"s3_scheme": "s3"}}
        patch.setenv("AIRFLOW_CONN_RTB_ENGINE", json.dumps(connection))
        yield cluster
