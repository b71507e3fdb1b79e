"""Metrics reach a real StatsD; an unavailable StatsD affects nothing."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from checkout import CHECKOUT
from listening import free_port, otlp_server, statsd_server
from rtb_optimizer.dag import callbacks
from rtb_optimizer.operations import metrics
from rtb_optimizer.store import activation, entities
from rtb_optimizer.store.schema import Entity, Run

DAG = "rtb_optimizer__drugs_com"


@pytest.fixture
def statsd(monkeypatch):
    """A StatsD that Airflow's metrics of this process go to, with tags as InfluxDB and Telegraf write them."""
    with statsd_server() as (server, port):
        turn_on(monkeypatch, port)
        yield server


def turn_on(monkeypatch, port):
    settings = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(port)}
    for name, value in (settings | {"STATSD_INFLUXDB_ENABLED": "True"}).items():
        monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
    begin()


def begin():
    """What each task does when it starts."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)


@pytest.fixture(autouse=True)
def off_again(monkeypatch):
    """Leave this process as it was."""
    yield
    monkeypatch.undo()
    begin()


@pytest.fixture
def decided(add_entity, make_run, session):
    """A run of 90 s that became active, with figures."""
    run = make_run(add_entity(), data_end=date(2026, 3, 10), dag_run_id="manual__1")
    activation.complete_and_decide(session, run.run_id, 42, (), allow_older=False)
    ended = datetime(2026, 3, 10, 4, tzinfo=UTC)
    figures = {"rows": 1_050_000, "warnings": 3}
    values = {"started_at": ended - timedelta(seconds=90), "finished_at": ended, "figures": figures}
    session.execute(update(Run).where(Run.run_id == run.run_id).values(**values))
    session.commit()
    return run


@pytest.mark.usefixtures("decided")
def test_a_decided_run_sends_its_decision_its_duration_its_rows_segments_and_warnings(statsd):
    callbacks.run_decided({"dag_run": SimpleNamespace(dag_id=DAG, run_id="manual__1")})

    assert sorted(statsd.read(5)) == [
        "airflow.rtb_optimizer.decisions,entity=drugs_com,decision=activated:1|c",
        "airflow.rtb_optimizer.run.duration,entity=drugs_com,decision=activated:90000.000000|ms",
        "airflow.rtb_optimizer.run.rows,entity=drugs_com:1050000|g",
        "airflow.rtb_optimizer.run.segments,entity=drugs_com:42|g",
        "airflow.rtb_optimizer.run.warnings,entity=drugs_com:3|g",
    ]


def test_a_what_if_run_counts_apart_and_leaves_the_entity_s_gauges(statsd, decided, session):
    session.execute(update(Entity).values(active_run_id=None))
    session.execute(update(Run).where(Run.run_id == decided.run_id).values(is_sandbox=True))
    session.commit()
    callbacks.run_decided({"dag_run": SimpleNamespace(dag_id=DAG, run_id="manual__1")})

    assert sorted(statsd.read(2)) == [
        "airflow.rtb_optimizer.decisions,entity=drugs_com,decision=what_if:1|c",
        "airflow.rtb_optimizer.run.duration,entity=drugs_com,decision=what_if:90000.000000|ms",
    ]


@pytest.mark.usefixtures("decided")
def test_maintenance_sends_the_age_of_active_runs(statsd, add_entity, session):
    add_entity("never_active")

    assert metrics.send_active_runs(datetime(2026, 3, 11, 1, tzinfo=UTC)) == 1
    assert statsd.read(1) == ["airflow.rtb_optimizer.active_run.age,entity=drugs_com:90000.0|g"]
    entities.set_status(session, "drugs_com", "paused", "ana")
    session.commit()
    assert metrics.send_active_runs() == 0


@pytest.mark.usefixtures("statsd", "catalog")
def test_a_dag_run_without_a_decided_run_sends_nothing():
    assert metrics.send_run(DAG, "manual__1") == 0


@pytest.mark.usefixtures("decided")
def test_metrics_are_off_until_airflow_s_are_turned_on(statsd, monkeypatch):
    monkeypatch.delenv("AIRFLOW__METRICS__STATSD_ON")
    begin()
    assert metrics.send_run(DAG, "manual__1") == 5
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    begin()
    metrics.send_active_runs()

    assert [line.split(",")[0] for line in statsd.read(1)] == ["airflow.rtb_optimizer.active_run.age"]


@pytest.mark.usefixtures("decided")
def test_a_statsd_that_is_away_fails_nothing(monkeypatch):
    turn_on(monkeypatch, free_port())
    assert metrics.send_run(DAG, "manual__1") == 5, "UDP asks for no answer"


@pytest.mark.usefixtures("decided")
def test_a_metrics_client_that_cannot_be_made_fails_nothing_and_is_logged(monkeypatch, caplog):
    turn_on(monkeypatch, free_port())
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", "no port")
    callbacks.run_decided({"dag_run": SimpleNamespace(dag_id=DAG, run_id="manual__1")})

    assert "the metrics of manual__1 were not sent" in caplog.text
    assert "no port" in caplog.text, "the fault fired"


OTEL = """
from datetime import timedelta
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from rtb_optimizer.operations.metrics import Measure, _send
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
tags = {"entity": "drugs_com"}
values = {"run.rows": 7, "decisions": None, "run.duration": timedelta(seconds=2)}
_send(Measure(name, value, tags) for name, value in values.items())
"""


def test_opentelemetry_gets_the_same_names_and_tags_before_the_task_s_process_ends():
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    with otlp_server() as (posted, port):
        settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        settings["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = f"http://127.0.0.1:{port}/v1/metrics"
        environment = os.environ | settings | {"PYTHONPATH": str(CHECKOUT / "include")}
        subprocess.run([sys.executable, "-c", OTEL], env=environment, check=True, capture_output=True)
    sent = [
        metric
        for body in posted
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    tagged = {
        metric.name: {tag.key: tag.value.string_value for tag in point.attributes}
        for metric in sent
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    }

    names = ("run.rows", "decisions", "run.duration")
    assert tagged == {f"airflow.rtb_optimizer.{name}": {"entity": "drugs_com"} for name in names}
