"""What is left of a run whose processes are killed? Through the real scheduler, with kill -9, at every task.

A task is caught in the middle by a lock on a table that it is about to write: what waits for the lock is the process
to kill, and nothing in the product is there for these tests.
"""

import os
import signal
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
import pytest
from sqlalchemy import func, select

from live_airflow import DAG, ENTITY, airflow_with_entity, live_stack, until
from rtb_optimizer.local import state
from rtb_optimizer.local.airflow import is_healthy
from rtb_optimizer.local.settings import CATALOG_DATABASE
from rtb_optimizer.store import connections, entities, verification
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunFeature, RunFeatureMacro, RunOutput

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LOGS = "s3://rtb/kills/logs/date={date}/"
# What each task waits for when it comes to its catalog work: the table, and the weakest lock that stops it there.
CAUGHT_AT = {
    "create_run": ("opt_version_configs", "ACCESS EXCLUSIVE"),
    "wait_for_logs": ("opt_runs", "EXCLUSIVE"),  # each step locks its run's row first: taken when it is this one's turn
    "select_features": ("opt_run_features", "EXCLUSIVE"),
    "build_segments": ("opt_run_outputs", "ACCESS EXCLUSIVE"),  # it reads the active run's table first
    "map_ad_macros": ("opt_run_feature_macros", "EXCLUSIVE"),
    "write_outputs": ("opt_run_outputs", "EXCLUSIVE"),
    "activate_run": ("opt_run_decisions", "EXCLUSIVE"),
}
# Tasks whose table others need before: their lock is taken once the task before them is through.
AFTER = {"wait_for_logs": "create_run", "build_segments": "select_features"}
WAITING = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.relation = %s::regclass AND a.datname = current_database()
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    nights = [(TODAY - timedelta(days=n)).date() for n in (1, 2)]
    with live_stack(tmp_path_factory.mktemp("kills"), LOGS, nights) as live:
        yield live


@pytest.fixture(scope="module")
def airflow(live):
    """Airflow with an entity that has an active run: what a crash must leave alone."""
    api = airflow_with_entity(live, f"s3://rtb/kills/{ENTITY}", logs_path=LOGS, schedule="0 0 1 1 *")
    first, last = (TODAY - timedelta(days=n) for n in (2, 1))
    dag_run = api.trigger(DAG, {"data_start": f"{first:%F}", "data_end": f"{last:%F}"})
    assert api.wait(DAG, dag_run) == "success"
    assert active_run().airflow_run_id == dag_run
    return api


def runs_of(dag_run_id):
    with connections.session() as session:
        return session.scalars(select(Run).where(Run.airflow_run_id == dag_run_id).order_by(Run.run_id)).all()


def active_run():
    with connections.session() as session:
        return session.get_one(Run, entities.find(session, ENTITY).active_run_id)


@contextmanager
def locked(live, table, mode):
    with psycopg.connect(live.database_url(CATALOG_DATABASE)) as holder:
        holder.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield
        with suppress(psycopg.OperationalError):  # the server may have been killed meanwhile
            holder.rollback()


def caught(live, table):
    """Return the processes that wait for a lock on a table."""
    with psycopg.connect(live.database_url(CATALOG_DATABASE)) as watcher:
        ports = {port for (port,) in watcher.execute(WAITING, [table])}
    found = [each for each in psutil.net_connections("tcp") if each.pid and each.raddr]
    return [psutil.Process(c.pid) for c in found if c.laddr.port in ports and c.raddr.port == live.pg_port]


def kill(process):
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], 30)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def told_once(dag_run_id):
    """Whether a dag run's facts stand in the catalog and the store once each, and all that is active is whole."""
    [run] = runs_of(dag_run_id)
    with connections.session() as session:
        entity = session.get_one(Entity, run.entity_id)
        store = ObjectStore.of(entity.s3_base_path)
        keys = [entry.key for entry in store.list(run_prefix(entity.s3_base_path, run.run_code))]
        outputs = session.scalars(select(RunOutput.s3_key).where(RunOutput.run_id == run.run_id)).all()
        assert sorted(outputs) == sorted(key for key in keys if "/work/" not in key)
        for table in (RunFeature, RunFeatureMacro):
            assert session.scalar(select(func.count()).where(table.run_id == run.run_id)) > 0
        assert session.scalar(select(func.count()).where(RunDecision.run_id == run.run_id)) == 1
    return active_is_whole()


def active_is_whole():
    with connections.session() as session:
        entity = entities.find(session, ENTITY)
        verification.verify_outputs(session, ObjectStore.of(entity.s3_base_path), entity.active_run_id)
    return True


def children_named(live, part):
    return [child for child in state.read_children(live.root) if part in child.name]


def test_a_run_whose_every_task_is_killed_once_ends_as_one_run_that_succeeded(live, airflow):
    before = active_run()
    killed = []
    with ExitStack() as end:
        locks = {task: end.enter_context(ExitStack()) for task in CAUGHT_AT}

        def lie_in_wait(*tasks):
            for task in tasks:
                locks[task].enter_context(locked(live, *CAUGHT_AT[task]))

        lie_in_wait("create_run", "select_features", "map_ad_macros", "activate_run")
        dag_run = airflow.trigger(DAG)
        for task, (table, _) in CAUGHT_AT.items():
            if task in AFTER:
                before_it = AFTER[task]
                until(lambda of=before_it: airflow.task_states(DAG, dag_run).get(of) == "success", before_it)
                lie_in_wait(task)
            [process] = until(lambda table=table: caught(live, table), f"{task} at {table}", seconds=120)
            assert active_run().run_id == before.run_id
            kill(process)
            killed.append(task)
            locks[task].close()
            if task == "build_segments":
                lie_in_wait("write_outputs")

    assert airflow.wait(DAG, dag_run) == "success"
    assert killed == list(CAUGHT_AT)
    tries = airflow.call("GET", f"/dags/{DAG}/dagRuns/{dag_run}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["try_number"] for task in tries} == dict.fromkeys(CAUGHT_AT, 2)
    assert told_once(dag_run)
    assert active_run().airflow_run_id == dag_run


def test_a_task_that_is_killed_at_every_try_fails_the_run_and_leaves_the_active_one(live, airflow):
    before = active_run()
    table, mode = CAUGHT_AT["map_ad_macros"]
    dag_run = None
    for number in range(1, 4):  # the lock goes with each: a dead client's transaction ends when its turn comes
        with locked(live, table, mode):
            dag_run = dag_run or airflow.trigger(DAG)
            [process] = until(lambda: caught(live, table), f"try {number} of map_ad_macros at {table}", seconds=120)
            kill(process)
    assert airflow.wait(DAG, dag_run) == "failed"
    [run] = until(lambda: [r for r in runs_of(dag_run) if r.status == "failed"], "the run to be told")
    assert run.error_message == "the dag run failed: task_failure; failed tasks: map_ad_macros"
    assert active_run().run_id == before.run_id
    assert airflow.wait(DAG, again := airflow.trigger(DAG)) == "success"
    assert told_once(again)


@pytest.mark.long
def test_a_worker_that_dies_with_its_task_is_noticed_by_its_heartbeat_and_the_task_runs_again(live, airflow, long):
    if not long:
        pytest.skip("waits for heartbeats: `make test-long` runs it")
    table, mode = CAUGHT_AT["select_features"]
    with locked(live, table, mode):
        dag_run = airflow.trigger(DAG)
        [task] = until(lambda: caught(live, table), f"select_features at {table}", seconds=120)
        worker = task.parent()
        assert worker.pid != os.getpid()
        kill(worker)
        if task.is_running():
            kill(task)
    assert airflow.wait(DAG, dag_run, timeout_s=400) == "success"
    assert told_once(dag_run)


@pytest.mark.long
def test_a_scheduler_that_is_killed_in_mid_run_comes_back_and_ends_the_run(live, airflow, long):
    if not long:
        pytest.skip("waits for heartbeats: `make test-long` runs it")
    table, mode = CAUGHT_AT["select_features"]
    with locked(live, table, mode):
        dag_run = airflow.trigger(DAG)
        until(lambda: caught(live, table), f"select_features at {table}", seconds=120)
        [scheduler] = children_named(live, "scheduler")
        kill(psutil.Process(scheduler.pid))
        until(lambda: [c.pid for c in children_named(live, "scheduler")] != [scheduler.pid], "another scheduler")
    assert airflow.wait(DAG, dag_run, timeout_s=400) == "success"
    assert told_once(dag_run)
    assert active_run().airflow_run_id == dag_run


def test_postgresql_killed_in_mid_run_leaves_the_active_run_and_the_next_run_works(live, airflow):
    before = active_run()
    table, mode = CAUGHT_AT["build_segments"]
    with locked(live, table, mode):
        dag_run = airflow.trigger(DAG)
        until(lambda: caught(live, table), f"a task at {table}", seconds=120)
        [server] = children_named(live, "postgres")
        kill(psutil.Process(server.pid))
        until(lambda: [c.pid for c in children_named(live, "postgres")] != [server.pid], "another server")
    connections.catalog().dispose()
    until(lambda: is_healthy(live), "Airflow to be healthy again", seconds=240)
    assert active_is_whole()
    assert active_run().run_id in {before.run_id, *(run.run_id for run in runs_of(dag_run))}
    ended = airflow.wait(DAG, dag_run, timeout_s=400)
    [run] = until(lambda: [r for r in runs_of(dag_run) if r.status != "running"], "the run to be told")
    assert (ended, run.status) in (("success", "succeeded"), ("failed", "failed"))
    assert airflow.wait(DAG, again := airflow.trigger(DAG)) == "success"
    assert told_once(again)
    assert active_run().airflow_run_id == again
