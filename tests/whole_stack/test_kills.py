"""Runs whose processes are killed by kill -9, at every task, through the real scheduler.

A commit kills a third of the tasks, and one of what runs them; `--long` all. A task is caught in the middle by a lock
on a table that it is about to write: what waits for the lock is the process to kill, and nothing in the product is
there for these tests.
"""

import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import psutil
import pytest

from caught_tasks import active_is_whole, active_run, caught, caught_of_task, kill, locked, recorded_once, runs_of
from live_airflow import DAG, ENTITY, airflow_with_entity, live_stack, until
from rtb_optimizer.local import state
from rtb_optimizer.local.airflow import is_healthy
from rtb_optimizer.store import connections

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]

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
# The lock of the one would keep the other, on the same table, from being caught.
LOCKED_AFTER = {"write_outputs": "build_segments"}


@pytest.fixture(scope="module")
def live(tmp_path_factory, new_root):
    # A task that has less to import could be past its lock before the test lies in wait for it: not an impatient one.
    nights = [(TODAY - timedelta(days=n)).date() for n in (1, 2)]
    with live_stack(new_root(tmp_path_factory.mktemp("kills"), impatient=False), LOGS, nights) as live:
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


def children_named(live, part):
    return [child for child in state.read_children(live.root) if part in child.name]


@pytest.mark.long
def test_a_run_whose_every_task_is_killed_once_ends_as_one_run_that_succeeded(live, airflow, taking_turns):
    before, tasks = active_run(), taking_turns(CAUGHT_AT)
    killed = []
    with ExitStack() as end:
        locks = {task: end.enter_context(ExitStack()) for task in tasks}

        def lie_in_wait(*tasks):
            for task in tasks:
                locks[task].enter_context(locked(live, *CAUGHT_AT[task]))

        later = {*AFTER, *(task for task, first in LOCKED_AFTER.items() if first in tasks)}
        lie_in_wait(*(task for task in tasks if task not in later))
        dag_run = airflow.trigger(DAG)
        for task in tasks:
            table = CAUGHT_AT[task][0]
            if task in AFTER:
                first = AFTER[task]
                until(lambda of=first: airflow.task_states(DAG, dag_run).get(of) == "success", first, seconds=240)
                lie_in_wait(task)
            its = partial(caught_of_task, live, airflow, dag_run, task, table)
            [process] = until(its, f"{task} at {table}", seconds=240)
            assert active_run().run_id == before.run_id
            kill(process)
            killed.append(task)
            locks[task].close()
            lie_in_wait(*(other for other in tasks if LOCKED_AFTER.get(other) == task))

    assert airflow.wait(DAG, dag_run) == "success"
    assert killed == tasks
    tries = airflow.call("GET", f"/dags/{DAG}/dagRuns/{dag_run}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["try_number"] for task in tries} == {
        task: 1 + killed.count(task) for task in (*CAUGHT_AT, "measure_live", "run_challenger")
    }
    assert recorded_once(dag_run)
    assert active_run().airflow_run_id == dag_run


@pytest.mark.takes_turns(0)
def test_a_task_that_is_killed_at_every_try_fails_the_run_and_leaves_the_active_one(live, airflow):
    before = active_run()
    table, mode = CAUGHT_AT["map_ad_macros"]
    dag_run = None
    for number in range(1, 4):  # the lock goes with each: a dead client's transaction ends when its turn comes
        with locked(live, table, mode):
            dag_run = dag_run or airflow.trigger(DAG)
            its = partial(caught_of_task, live, airflow, dag_run, "map_ad_macros", table)
            [process] = until(its, f"try {number} of map_ad_macros at {table}", seconds=120)
            kill(process)
    assert airflow.wait(DAG, dag_run) == "failed"
    [run] = until(lambda: [r for r in runs_of(dag_run) if r.status == "failed"], "the run to be recorded")
    assert run.error_message == "the dag run failed: task_failure; failed tasks: map_ad_macros"
    assert active_run().run_id == before.run_id
    assert airflow.wait(DAG, again := airflow.trigger(DAG)) == "success"
    assert recorded_once(again)


@pytest.mark.long
@pytest.mark.parametrize("task_lives", [False, True], ids=["with its task", "and leaves its task an orphan"])
def test_a_worker_that_dies_is_noticed_by_its_heartbeat_and_the_task_runs_again(live, airflow, long, task_lives):
    if not long:
        pytest.skip("waits for heartbeats: `make test-long` runs it")
    table, mode = CAUGHT_AT["select_features"]
    with locked(live, table, mode):
        dag_run = airflow.trigger(DAG)
        its = partial(caught_of_task, live, airflow, dag_run, "select_features", table)
        [task] = until(its, f"select_features at {table}", seconds=120)
        worker = task.parent()
        assert worker.pid != os.getpid()
        kill(worker)
        if task_lives:  # and waits on, beside the next try: both go on together
            both = until(lambda: len(tasks := caught(live)) == 2 and tasks, "the next try", seconds=300)
            assert task in both
        elif task.is_running():
            kill(task)
    assert airflow.wait(DAG, dag_run, timeout_s=400) == "success"
    psutil.wait_procs([task], 60)
    assert recorded_once(dag_run)


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
    assert recorded_once(dag_run)
    assert active_run().airflow_run_id == dag_run


@pytest.mark.takes_turns(1)
def test_a_scheduler_that_is_killed_between_two_tasks_comes_back_and_goes_on_with_the_next(live, airflow):
    """It is stopped while a task is caught; the task ends without it, and nothing begins the next one."""
    with locked(live, *CAUGHT_AT["select_features"]):
        dag_run = airflow.trigger(DAG)
        until(lambda: caught(live, CAUGHT_AT["select_features"][0]), "select_features", seconds=120)
        [scheduler] = children_named(live, "scheduler")
        os.kill(scheduler.pid, signal.SIGSTOP)
    until(lambda: airflow.task_states(DAG, dag_run).get("select_features") == "success", "the task to end")
    assert "build_segments" not in airflow.task_states(DAG, dag_run)
    kill(psutil.Process(scheduler.pid))
    assert airflow.wait(DAG, dag_run, timeout_s=400) == "success"
    tries = airflow.call("GET", f"/dags/{DAG}/dagRuns/{dag_run}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["try_number"] for task in tries} == dict.fromkeys(
        (*CAUGHT_AT, "measure_live", "run_challenger"), 1
    )
    assert recorded_once(dag_run)


@pytest.mark.takes_turns(2)
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
    [run] = until(lambda: [r for r in runs_of(dag_run) if r.status != "running"], "the run to be recorded")
    assert (ended, run.status) in (("success", "succeeded"), ("failed", "failed"))
    assert airflow.wait(DAG, again := airflow.trigger(DAG)) == "success"
    assert recorded_once(again)
    assert active_run().airflow_run_id == again
