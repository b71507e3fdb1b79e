"""A run that a cluster counts, from S3, publishes what DuckDB would have; the cluster is Sail."""

import json

import pytest

from kinds_of_logs import DAY, DAYS, LAST
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.operations.doctor import cluster
from rtb_optimizer.operations.doctor.findings import CheckStatus
from rtb_optimizer.run.opened_logs import require_same_engine
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.objects import split_url
from sail_server import sail_on_s3
from seeded_logs import NIGHTS, write_logs
from three_logs import CLICKS_APART, WINS_APART, delivered, parquet, three_logs
from three_logs import CONFIG as OF_AUCTIONS

TABLES = ("segments", "joint_segments", "features", "ad_macros", "export_plain_table_csv")
PORTABLE = {"sample_hash": "portable", "exports": "plain"}
NIGHT_BEFORE = {}
SOME_ROWS = {"full_sample_rows": 0, "negatives_per_positive": 2}


@pytest.fixture(scope="module")
def on_s3(stack):
    """A cluster that reads the store of the tests, as the connection that a run finds."""
    assert stack
    with sail_on_s3() as cluster:
        yield cluster


@pytest.fixture
def publish(add_entity, request_run, session, store, base_path):
    """Run a new entity over four nights; returns the outputs by name, as bytes."""
    write_logs(store, f"{base_path}/logs/date={{date}}/", NIGHTS)
    entity = add_entity()

    def run(name, window=NIGHT_BEFORE, **overrides):
        entities.find(session, entity.entity_code).active_run_id = None  # a run starts from what is active
        session.commit()
        ran = in_process.run(request_run(dag_run_id=name, overrides=overrides, **window))
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


def test_auctions_wins_and_clicks_are_joined_on_a_cluster_to_the_same_bytes(on_s3, publish, store, base_path):
    assert on_s3
    for path, body in delivered(three_logs(), parquet, ".parquet").items():
        store.put_once(f"{split_url(base_path)[1]}/{path}", body)
    config = {
        key: value.replace("{base}", base_path) for key, value in (OF_AUCTIONS | WINS_APART | CLICKS_APART).items()
    }
    config |= {"logs_path": f"{base_path}/auctions/{{date}}/"}
    window = {"data_start": str(DAYS[0]), "data_end": str(LAST + DAY)}
    here, there = (publish(engine, window, engine=engine, **PORTABLE, **config) for engine in ("duckdb", "spark"))
    reports = [json.loads(each["report"]) for each in (here, there)]

    assert [name for name in TABLES if here[name] != there[name]] == []
    assert reports[0]["logs"] == reports[1]["logs"]
    assert sum(day["counted"] for day in reports[0]["logs"]["wins"]) == three_logs().facts()["won"]


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
