"""A run that a cluster counts, from S3, publishes what DuckDB would have; the cluster is Sail."""

import json
import os

import pytest

from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.operations.doctor import cluster
from rtb_optimizer.operations.doctor.findings import CheckStatus
from rtb_optimizer.run.opened_logs import require_same_engine
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities, runs
from sail_server import sail_server
from seeded_logs import NIGHTS, write_logs

TABLES = ("segments", "joint_segments", "features", "ad_macros", "export_plain_table_csv")
PORTABLE = {"sample_hash": "portable", "exports": "plain"}
SOME_ROWS = {"full_sample_rows": 0, "negatives_per_positive": 2}


@pytest.fixture(scope="module")
def on_s3(stack):
    """A cluster that reads the store of the tests, as the connection that a run finds."""
    assert stack
    form = json.loads(os.environ["AIRFLOW_CONN_RTB_S3"])
    rights = {"AWS_ACCESS_KEY_ID": form["login"], "AWS_SECRET_ACCESS_KEY": form["password"], "AWS_REGION": "us-east-1"}
    rights |= {"AWS_ENDPOINT_URL": form["extra"]["endpoint_url"], "AWS_ALLOW_HTTP": "true"}
    with sail_server(**rights) as cluster, pytest.MonkeyPatch.context() as patch:
        host, port = cluster.named.removeprefix("sc://").split(":")
        connection = {"conn_type": "spark_connect", "host": host, "port": int(port), "extra": {"s3_scheme": "s3"}}
        patch.setenv("AIRFLOW_CONN_RTB_ENGINE", json.dumps(connection))
        yield cluster


@pytest.fixture
def publish(add_entity, request_run, session, store, base_path):
    """Run a new entity over four nights; returns the outputs by name, as bytes."""
    write_logs(store, f"{base_path}/logs/date={{date}}/", NIGHTS)
    entity = add_entity()

    def run(name, **overrides):
        entities.find(session, entity.entity_code).active_run_id = None  # a run starts from what is active
        session.commit()
        ran = in_process.run(request_run(dag_run_id=name, overrides=overrides))
        session.expire_all()
        return {o.output_type: store.read(o.s3_key) for o in runs.outputs(session, ran.opt_run_id)}

    return run


@pytest.mark.parametrize(
    "config",
    [SOME_ROWS, {"drop_duplicates": True, "objective": "value"}],
    ids=["a sample", "money, without duplicates"],
)
def test_a_run_on_a_cluster_publishes_the_bytes_that_duckdb_publishes(on_s3, publish, config):
    assert on_s3
    here, there = (publish(engine, engine=engine, **PORTABLE, **config) for engine in ("duckdb", "spark"))
    reports = [json.loads(each["report"]) for each in (here, there)]

    assert [name for name in TABLES if here[name] != there[name]] == []
    assert reports[0]["segments"]["total"] > 10
    assert (reports[0]["coverage"]["sampled_share"] < 1) == (config is SOME_ROWS)
    for report in reports:
        del report["config"]
    assert reports[0] == reports[1]
    assert [json.loads(each["manifest"])["engine"].split()[0] for each in (here, there)] == ["duckdb", "spark"]


def test_a_run_does_not_change_its_engine_in_silence():
    with pytest.raises(LogsInvalid, match=r"sample is of spark 4.1.0, this is spark 4.2.0: start a new run"):
        require_same_engine("spark 4.1.0", "spark 4.2.0")
    require_same_engine("", "duckdb 2.0.0")  # a run of before the engine was recorded


@pytest.mark.usefixtures("logs")
def test_the_doctor_reads_the_logs_on_the_cluster(on_s3, base_path, monkeypatch):
    path = f"{base_path}/logs/date={{date}}/"
    found = cluster.first_object(path)

    assert found.status is CheckStatus.OK
    assert found.summary.startswith(f"spark 4.2.0 at {on_s3.named}: {base_path}/logs/date=2026-03-06/")
    assert "5,000 rows" in found.summary
    monkeypatch.setenv("AIRFLOW_CONN_RTB_ENGINE", "postgresql://127.0.0.1/x")
    found = cluster.first_object(path)
    assert found.status is CheckStatus.FAILED
    assert "a server of Spark Connect is needed" in found.summary
    monkeypatch.delenv("AIRFLOW_CONN_RTB_ENGINE")
    assert "no Airflow connection 'rtb_engine'" in cluster.first_object(path).summary
