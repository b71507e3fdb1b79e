"""The main job through a real Airflow: scheduler, dag-processor, triggerer and api-server, real PostgreSQL, real S3.

The tests share one stack, which another file uses too, and read in order: what the first night leaves active is what
the others may not replace.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import select

from listening import PASSWORD
from live_airflow import DAG, airflow_with_entity, command, seeded_catalog, until
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.store import configs, connections, entities, queries, runs
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.schema import Run
from seeded_logs import BUSY_WORLD, write_logs

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LOGS = "s3://rtb/e2e/logs/date={date}/"
AUDIT = "rtb_optimizer_audit"
TASKS = {
    *("create_run", "wait_for_logs", "select_features", "measure_live", "build_segments", "map_ad_macros"),
    *("write_outputs", "activate_run", "run_challenger"),
}
AUDIT_TASKS = ("audit_active_outputs", "apply_retention")


def night(days_ago):
    return TODAY - timedelta(days=days_ago)


@pytest.fixture(scope="module")
def stack_and_listeners(shared_stack):
    """A whole stack, and the receivers of its alerts by mail, its metrics by StatsD and its lineage."""
    with shared_stack.used_by(Path(__file__).name) as shared:
        yield shared


@pytest.fixture(scope="module")
def listeners(stack_and_listeners):
    """The receivers of its alerts and metrics."""
    return stack_and_listeners[1]


@pytest.fixture(scope="module")
def live(stack_and_listeners):
    """The stack with a migrated and seeded catalog and six nights of logs; no entity of this file yet."""
    live, _ = stack_and_listeners
    with seeded_catalog(live, LOGS, [night(n).date() for n in range(1, 7)]):
        yield live


@pytest.fixture(scope="module")
def airflow(live, listeners):
    """Airflow with the DAG of an entity that the command line added, and a connection to send its alerts through."""
    api = airflow_with_entity(live, "s3://rtb/e2e/drugs_com", logs_path=LOGS, schedule="0 0 * * *")
    mail = listeners.connection
    api.call("POST", "/connections", mail | {"connection_id": "rtb_alerts", "extra": json.dumps(mail["extra"])})
    return api


def run_of(dag_run_id):
    with connections.session() as session:
        return session.scalars(select(Run).where(Run.airflow_run_id == dag_run_id)).one_or_none()


def configured(**overrides):
    with connections.session() as session:
        configs.set_overrides(session, entities.find(session, "drugs_com"), overrides, "tester")
        session.commit()


def row_of(dag_run_id):
    with connections.session() as session:
        rows = queries.run_rows(session, "drugs_com", 100)
    return next(row for row in rows if row["airflow_run_id"] == dag_run_id)


def active_run():
    with connections.session() as session:
        return session.get_one(Run, entities.find(session, "drugs_com").active_run_id)


def test_the_scheduled_run_covers_the_last_day_and_becomes_active(airflow):
    dag_run = until(
        lambda: airflow.call("GET", f"/dags/{DAG}/dagRuns?run_type=scheduled")["dag_runs"], "a scheduled run"
    )[0]

    assert airflow.wait(DAG, dag_run["dag_run_id"]) == "success"
    row = row_of(dag_run["dag_run_id"])
    assert (row["status"], row["decision"], row["triggered_by"]) == ("succeeded", "activated", "schedule")
    assert (row["data_start"], row["data_end"]) == (night(1), TODAY)
    assert active_run().airflow_run_id == dag_run["dag_run_id"]


def told_of(listeners, run):
    """The events by which tasks of a run said that they had succeeded, by task."""
    events = [event for path, event in listeners.lineage.posts if path == "/api/v1/lineage"]
    own = [
        event
        for event in events
        if event["eventType"] == "COMPLETE"
        and event["run"]["facets"].get("rtb_optimizer_run", {}).get("opt_run_id") == run.run_id
    ]
    return {event["job"]["name"].rpartition(".")[2]: event for event in own}


def test_the_listener_of_openlineage_tells_what_each_task_of_a_run_read_and_wrote(airflow, listeners):
    """It forks the process of a task that has succeeded, and asks there."""
    assert airflow
    run = active_run()
    told = until(lambda: of if len(of := told_of(listeners, run)) == len(TASKS) else None, "the events of all tasks")
    with connections.session() as session:
        outputs = {f"s3://{each.s3_bucket}/{each.s3_key}": each for each in runs.outputs(session, run.run_id)}

    assert told.keys() == TASKS
    rows = {}
    for task in ("select_features", "build_segments", "write_outputs"):
        (logs,) = told[task]["inputs"]
        assert f"{logs['namespace']}/{logs['name']}" == "s3://rtb/e2e/logs"
        assert logs["facets"]["version"]["datasetVersion"] == f"{night(1):%Y-%m-%dT%H:%MZ}/{TODAY:%Y-%m-%dT%H:%MZ}"
        rows[task] = logs["inputFacets"]["inputStatistics"]["rowCount"]
    assert set(rows.values()) == {run.figures["rows"]}
    written = {f"{each['namespace']}/{each['name']}": each for each in told["write_outputs"]["outputs"]}
    assert outputs
    for url, output in outputs.items():
        assert written[url]["outputFacets"]["outputStatistics"]["rowCount"] == output.row_count
        assert written[url]["facets"]["version"]["datasetVersion"] == output.sha256
    (segments,) = told["activate_run"]["inputs"]
    gates = segments["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert len(gates) > 3
    assert {each["success"] for each in gates} == {True}
    facts = told["activate_run"]["run"]["facets"]["rtb_optimizer_run"]
    assert (facts["run_code"], facts["decision"], facts["decided_by"]) == (run.run_code, "activated", "schedule")
    parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in told.values()}
    assert len(parents) == 1


def test_the_pages_are_served_by_airflow_to_who_is_signed_in(live, airflow):
    assert airflow.call("GET", "/plugins/importErrors")["import_errors"] == []
    pages = airflow.client.get(f"{live.airflow_url}/rtb/", headers={"accept": "text/html"})
    assert pages.status_code == 200
    assert "drugs_com" in pages.text
    active = airflow.client.get(f"{live.airflow_url}/rtb/api/v1/entities/drugs_com/active").json()
    assert active["run_id"] == active_run().run_id
    places = [view for plugin in airflow.call("GET", "/plugins")["plugins"] for view in plugin["external_views"]]
    assert {view["destination"] for view in places if view["href"].startswith("/rtb/")} == {"nav", "dag", "dag_run"}
    assert httpx.get(f"{live.airflow_url}/rtb/").status_code == 401


def test_a_manual_run_takes_its_window_from_the_form_and_an_older_one_does_not_take_over(airflow):
    before = active_run()
    dag_run = airflow.trigger(DAG, {"data_start": f"{night(5):%F}", "data_end": f"{night(3):%F}", "max_features": 2})

    assert airflow.wait(DAG, dag_run) == "success"
    row, run = row_of(dag_run), run_of(dag_run)
    assert (row["data_start"], row["data_end"], row["triggered_by"]) == (night(5), night(3), "manual:admin")
    assert (row["status"], row["decision"]) == ("succeeded", "superseded")
    assert run.config_snapshot["values"]["max_features"] == 2
    assert run.config_snapshot["origins"]["max_features"] == "trigger"
    assert active_run().run_id == before.run_id


@pytest.fixture
def paused(airflow):
    """The DAG, paused: the live scheduler would take the tasks of the same dag run from `airflow dags test`."""
    airflow.call("PATCH", f"/dags/{DAG}", {"is_paused": True})
    yield DAG
    airflow.call("PATCH", f"/dags/{DAG}", {"is_paused": False})


def dags_test(live, *arguments):
    """What `airflow dags test` says of a run of the DAG beside the live scheduler, and the run that it made."""
    before = newest_run()
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "test", DAG, *arguments],
        env=process_environment(live, os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    made = until(lambda: run if (run := newest_run()).run_id > before.run_id else None, f"a run: {done.stdout[-2000:]}")
    return f"{done.stdout}{done.stderr}", made


def test_dags_test_makes_a_right_run_of_a_paused_dag_and_records_why_one_fails(live, paused):
    assert paused
    before = active_run()
    window = {"data_start": f"{night(5):%F}", "data_end": f"{night(3):%F}"}

    said, run = dags_test(live, "--conf", json.dumps(window))
    row = row_of(run.airflow_run_id)
    assert (row["status"], row["decision"], row["data_start"]) == ("succeeded", "superseded", night(5)), said[-3000:]
    assert "DetachedInstanceError" not in said

    said, run = dags_test(live, "--conf", json.dumps(window | {"data_end": f"{night(6):%F}"}))
    assert (run.status, run.error_message.partition(":")[0]) == ("failed", "create_run"), said[-3000:]
    assert "DetachedInstanceError" not in said
    assert active_run().run_id == before.run_id


def test_a_backfill_records_each_night_with_its_own_window_and_the_newest_stays_active(live, airflow):
    before = active_run()
    subprocess.run(
        [
            *(sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", DAG, "--max-active-runs", "3"),
            *("--from-date", f"{night(5):%F}", "--to-date", f"{night(3):%F}"),
        ],
        env=process_environment(live, os.environ),
        check=True,
        capture_output=True,
    )
    runs = until(
        lambda: (
            len(dag_runs := airflow.call("GET", f"/dags/{DAG}/dagRuns?run_type=backfill")["dag_runs"]) == 3 and dag_runs
        ),
        "three runs of the backfill",
    )

    assert [airflow.wait(DAG, run["dag_run_id"]) for run in runs] == ["success"] * 3
    rows = [row_of(run["dag_run_id"]) for run in runs]
    assert {(row["data_start"], row["data_end"]) for row in rows} == {(night(n), night(n - 1)) for n in (5, 4, 3)}
    assert {row["decision"] for row in rows} == {"superseded"}
    assert {row["triggered_by"].split(":")[0] for row in rows} == {"backfill"}
    assert all(row["triggered_by"].split(":")[1] not in ("", "unknown") for row in rows)
    assert active_run().run_id == before.run_id


def test_a_rerun_of_the_newest_night_is_activated_and_triggers_downstream_dags(airflow):
    scheduled = active_run().airflow_run_id
    assert events(airflow) == [scheduled], "only activations are events"
    dag_run = airflow.trigger(DAG)

    assert airflow.wait(DAG, dag_run) == "success"
    assert active_run().airflow_run_id == dag_run
    assert events(airflow) == [scheduled, dag_run]


def test_values_that_are_tried_on_the_page_run_in_airflow_and_never_become_active(live, airflow):
    before, seen = active_run(), events(airflow)
    page, form = f"{live.airflow_url}/rtb/entities/drugs_com", {"value:max_features": "1", "was:max_features": "12"}
    answer = airflow.client.post(f"{page}/what-if", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    with connections.session() as session:
        first = runs.find(session, answer.headers["location"].rsplit("/", 1)[1])

    assert airflow.wait(DAG, first.airflow_run_id) == "success"
    airflow.call("POST", f"/dags/{DAG}/dagRuns/{first.airflow_run_id}/clear", {"dry_run": False, "only_failed": False})
    again = until(lambda: ended(newest_run(), clear_number=1), "the second run")
    assert (again.airflow_run_id, again.is_sandbox) == (first.airflow_run_id, True)
    with connections.session() as session:
        rows = queries.run_rows(session, "drugs_com", 2)
    told = [(row["is_sandbox"], row["decision"], row["triggered_by"]) for row in rows]
    assert told == [(True, "held", "manual:admin")] * 2
    assert (again.data_start, again.data_end) == (before.data_start, before.data_end)
    assert again.config_snapshot["values"]["max_features"] == 1
    assert (active_run().run_id, events(airflow)) == (before.run_id, seen)


def ended(run, clear_number):
    return run if run.clear_number == clear_number and run.status == "succeeded" else None


def newest_run():
    with connections.session() as session:
        return session.scalars(select(Run).order_by(Run.run_id.desc()).limit(1)).one()


def events(airflow):
    """The dag runs whose activation was an event, the oldest first; Airflow lists the asset itself only later."""
    found = airflow.call("GET", f"/assets/events?source_dag_id={DAG}&order_by=timestamp")["asset_events"]
    return [each["source_run_id"] for each in found if each["name"] == "rtb_active/drugs_com"]


def test_a_value_beyond_its_limits_is_refused_at_the_form_and_leaves_no_run(airflow):
    before = len(airflow.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"])

    answer = airflow.client.post(f"/dags/{DAG}/dagRuns", json={"logical_date": None, "conf": {"max_features": 99}})

    assert answer.status_code == 400
    assert "max_features" in answer.text
    assert len(airflow.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"]) == before


def test_an_unknown_key_fails_the_run_at_once_with_its_name(airflow):
    before = active_run()
    dag_run = airflow.trigger(DAG, {"max_featurs": 3})

    assert airflow.wait(DAG, dag_run) == "failed"
    assert run_of(dag_run).error_message == (
        "create_run: ConfigInvalid: max_featurs (trigger): unknown config key; the nearest is max_features"
    )
    assert active_run().run_id == before.run_id


def test_broken_logs_fail_the_run_with_step_and_cause_and_leave_the_active_run_alone(airflow):
    before = active_run()
    folder = split_url(LOGS.replace("{date}", f"{night(9):%F}"))[1]
    store = ObjectStore.of(LOGS)
    store.put_once(f"{folder}part-0.parquet", b"PAR1 this is no Parquet file PAR1")
    store.put_once(f"{folder}_SUCCESS", b"\n")
    dag_run = airflow.trigger(DAG, {"data_start": f"{night(9):%F}", "data_end": f"{night(8):%F}"})

    assert airflow.wait(DAG, dag_run) == "failed"
    run = run_of(dag_run)
    assert run.status == "failed"
    assert run.error_message.startswith("select_features (try 1): LogsInvalid: ")
    assert "part-0.parquet" in run.error_message
    assert active_run().run_id == before.run_id


def test_a_failed_task_sends_the_alert_itself_with_a_link_to_the_run_s_page(airflow, listeners):
    with connections.session() as session:
        run = session.scalars(select(Run).where(Run.error_message.contains("LogsInvalid"))).one()
    mail = until(lambda: mails_of(listeners, run), "the alert")[0]
    text = mail.get_body(("html",)).get_content()

    assert mail["subject"] == f"[failed] drugs_com: run {run.run_code} failed"
    assert "part-0.parquet" in text
    page = airflow.client.get(re.search(r"http://\S+/rtb/runs/\d+", text)[0], headers={"accept": "text/html"})
    assert (page.status_code, run.run_code in page.text) == (200, True)


def mails_of(listeners, run):
    return [mail for mail in listeners.mailbox.mails if run.run_code in mail["subject"]]


def test_each_step_and_what_was_decided_reaches_statsd(listeners):
    lines = [line.split(":")[0] for line in listeners.statsd.lines]

    for step in ("create_run", "select_features", "build_segments", "map_ad_macros", "write_outputs", "activate_run"):
        assert f"airflow.task.duration,dag_id={DAG},task_id={step}" in lines
    for decision in ("activated", "superseded"):
        assert f"airflow.rtb_optimizer.decisions,entity=drugs_com,decision={decision}" in lines
    assert {f"airflow.rtb_optimizer.run.{name},entity=drugs_com" for name in ("rows", "segments")} <= set(lines)


def test_a_run_whose_logs_are_late_waits_deferred_and_goes_on_when_they_arrive(airflow):
    dag_run = waiting_run(airflow, days_ago=12)
    assert run_of(dag_run).status == "running"

    write_logs(ObjectStore.of(LOGS), LOGS, [night(12).date()], BUSY_WORLD)

    assert airflow.wait(DAG, dag_run) == "success"
    assert row_of(dag_run)["decision"] == "superseded"


def test_a_run_whose_logs_never_arrive_fails_with_the_list_after_the_freshness_timeout(airflow):
    window = {"data_start": f"{night(15):%F}", "data_end": f"{night(13):%F}"}
    configured(freshness_timeout_minutes="0")
    dag_run = airflow.trigger(DAG, window)

    assert airflow.wait(DAG, dag_run) == "failed"
    configured(freshness_timeout_minutes=None)
    assert run_of(dag_run).error_message == (
        "wait_for_logs (try 1): LogsMissing: 2 of 2 partitions are not complete: "
        f"s3://rtb/e2e/logs/date={night(15):%F}/ (no file), "
        f"s3://rtb/e2e/logs/date={night(14):%F}/ (no file); "
        "deliver them, or lower min_partition_share"
    )


def test_a_task_that_a_user_marks_failed_ends_the_run_through_the_dag_callback_or_the_listener(airflow):
    dag_run = waiting_run(airflow, days_ago=20)
    airflow.call("PATCH", f"/dags/{DAG}/dagRuns/{dag_run}/taskInstances/wait_for_logs", {"new_state": "failed"})

    assert until(lambda: run_of(dag_run).status == "failed", "the failure to be recorded")
    assert run_of(dag_run).error_message.startswith("the dag run failed: task_failure")


def test_a_dag_run_that_a_user_marks_failed_ends_the_run_through_the_listener(airflow):
    dag_run = waiting_run(airflow, days_ago=21)
    airflow.call("PATCH", f"/dags/{DAG}/dagRuns/{dag_run}", {"state": "failed"})

    assert until(lambda: run_of(dag_run).status == "failed", "the failure to be recorded", seconds=10)
    assert run_of(dag_run).error_message == ("the dag run failed: Dag Run's state was manually set to `failed`.")


def waiting_run(airflow, days_ago):
    window = {"data_start": f"{night(days_ago):%F}", "data_end": f"{night(days_ago - 1):%F}"}
    dag_run = airflow.trigger(DAG, window)
    until(lambda: airflow.task_states(DAG, dag_run).get("wait_for_logs") == "deferred", "the wait")
    return dag_run


def test_a_failed_run_that_no_callback_reported_is_swept_by_the_maintenance_dag(airflow):
    with connections.session() as session:
        lost = session.get_one(Run, active_run().run_id)
        columns = {c.name: getattr(lost, c.name) for c in Run.__table__.columns}
        changed = {"run_code": "lost", "status": "running", "finished_at": None, "airflow_run_id": "manual__deleted"}
        session.add(Run(**{k: v for k, v in (columns | changed).items() if k != "run_id"}))
        session.commit()
    sweep = airflow.trigger("rtb_optimizer_maintenance")

    assert airflow.wait("rtb_optimizer_maintenance", sweep) == "success"
    run = run_of("manual__deleted")
    assert (run.status, run.error_message) == (
        "failed",
        "swept: the dag run is deleted, and no callback reported it",
    )


def test_what_no_task_could_send_is_sent_by_the_maintenance_dag_and_nothing_is_sent_twice(airflow, listeners):
    with connections.session() as session:
        failed = session.scalars(select(Run).where(Run.status == "failed")).all()
    again = airflow.trigger("rtb_optimizer_maintenance")

    assert airflow.wait("rtb_optimizer_maintenance", again) == "success"
    assert {"swept: the dag run is deleted, and no callback reported it"} <= {run.error_message for run in failed}
    assert [len(mails_of(listeners, run)) for run in failed] == [1] * len(failed)
    assert len(listeners.mailbox.mails) == len({mail["subject"] for mail in listeners.mailbox.mails})


def test_the_maintenance_dag_reports_the_age_of_the_active_run_to_statsd(listeners):
    age = "airflow.rtb_optimizer.active_run.age,entity=drugs_com:"
    assert until(lambda: any(line.startswith(age) for line in listeners.statsd.lines), "the age")


def test_the_daily_dag_audits_what_is_active_and_applies_retention(airflow):
    daily = airflow.trigger(AUDIT)
    assert airflow.wait(AUDIT, daily) == "success"
    assert airflow.task_states(AUDIT, daily) == dict.fromkeys(AUDIT_TASKS, "success")

    key = active_run_output("segments")
    whole = ObjectStore.of(LOGS).read(key)
    client = connections.s3_client()
    client.put_object(Bucket="rtb", Key=key, Body=whole[:-1])
    daily = airflow.trigger(AUDIT)
    assert airflow.wait(AUDIT, daily) == "failed"
    client.put_object(Bucket="rtb", Key=key, Body=whole)
    assert airflow.task_states(AUDIT, daily) == {"audit_active_outputs": "failed", "apply_retention": "success"}
    log = airflow.call("GET", f"/dags/{AUDIT}/dagRuns/{daily}/taskInstances/audit_active_outputs/logs/1")
    assert f"segments at s3://rtb/{key} is not what was written" in str(log["content"])


def active_run_output(output_type):
    with connections.session() as session:
        outputs = runs.outputs(session, active_run().run_id)
        return next(output.s3_key for output in outputs if output.output_type == output_type)


def test_pausing_and_resuming_an_entity_changes_the_dags_without_a_deploy(live, airflow):
    command(live, "entities", "pause", "drugs_com")
    until(lambda: airflow.call("GET", f"/dags/{DAG}")["is_stale"], "the DAG to follow", seconds=90)

    command(live, "entities", "resume", "drugs_com")
    until(lambda: not airflow.call("GET", f"/dags/{DAG}")["is_stale"], "the DAG to follow", seconds=90)


def test_no_secret_stands_in_a_task_s_log_an_xcom_or_a_rendered_template(live):
    """After all that ran and failed above: every file that Airflow logged, every row of its database."""
    own = live.credentials
    secrets = (own.postgres_password, own.s3_secret_key, own.fernet_key, own.jwt_secret, own.api_secret_key, PASSWORD)
    logs = [path for path in live.root.rglob("*.log") if path.is_file()]
    with psycopg.connect(live.database_url("airflow")) as database:
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {
            name: "\n".join(str(row[0]) for row in database.execute(f'SELECT x::text FROM "{name}" x').fetchall())
            for (name,) in tables
        }

    assert len([path for path in logs if "task_id=" in str(path)]) >= 7
    assert rows["xcom"]
    assert "drugs_com" in rows["rendered_task_instance_fields"]
    assert [str(path) for path in logs if any(secret in path.read_text(errors="replace") for secret in secrets)] == []
    assert [name for name, text in rows.items() if any(secret in text for secret in secrets)] == []
