"""A failure is recorded in opt_runs once, whatever reports it and however late."""

import errno
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm.exc import DetachedInstanceError

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.dag import callbacks, listener
from rtb_optimizer.store import connections, failures, runs
from rtb_optimizer.store.runs import MAX_ERROR_LENGTH, Attempt
from rtb_optimizer.store.schema import Run

DAG = "rtb_optimizer__drugs_com"
WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))


@pytest.fixture
def create(add_entity):
    entity = add_entity()

    def run(dag_run_id="manual__1", clear_number=0, dag_id=DAG):
        with connections.session() as own:
            made = runs.create(own, entity, Attempt(dag_id, dag_run_id, clear_number), WINDOW, {}, "schedule")
            own.commit()
            return made.run_id

    return run


@pytest.fixture
def state(session):
    def of(opt_run_id):
        session.rollback()
        return tuple(session.execute(select(Run.status, Run.error_message).where(Run.run_id == opt_run_id)).one())

    return of


def dag_run(dag_run_id="manual__1", clear_number=0):
    return SimpleNamespace(dag_id=DAG, run_id=dag_run_id, clear_number=clear_number)


def task_context(clear_number=0, exception=None):
    failure = {} if exception is None else {"exception": exception}
    task = SimpleNamespace(task_id="build_segments", try_number=2)
    return {"ti": task, "dag_run": dag_run("manual__1", clear_number)} | failure


def test_a_failed_task_reports_its_name_its_try_and_its_exception(create, state, session):
    run = create()
    callbacks.task_failed(task_context(exception=ValueError("no column click")))
    assert state(run) == ("failed", "build_segments (try 2): ValueError: no column click")
    assert session.get_one(Run, run).finished_at is not None


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        pa.ArrowMemoryError("malloc of size 4194304 failed"),
        pa.ArrowMemoryError("realloc of size 4194304 failed"),
        RuntimeError("std::bad_alloc"),
        ValueError("Unable to allocate 8.00 GiB for an array"),
    ],
    ids=repr,
)
def test_a_task_without_memory_says_so_and_what_to_do_whatever_met_it_first(create, state, problem):
    run = create()
    callbacks.task_failed(task_context(exception=problem))
    message = state(run)[1]
    assert type(problem).__name__ in message
    assert message.endswith(
        "; the process has no memory left, or may start no more threads: give the task's container more memory,"
        " or less to the engine by engine_memory_mb"
    )


def test_a_killed_task_has_no_exception_and_says_so(create, state):
    run = create()
    callbacks.task_failed(task_context())
    assert state(run) == ("failed", "build_segments (try 2): no heartbeat: its worker died")


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (lambda: callbacks.dag_failed({"dag_run": dag_run(), "reason": "timed_out"}), "the dag run failed: timed_out"),
        (lambda: callbacks.dag_failed({"dag_run": dag_run()}), "the dag run failed: no reason given"),
        (lambda: callbacks.dag_run_failed(dag_run(), "set by hand"), "the dag run failed: set by hand"),
    ],
)
def test_what_fails_without_a_failed_task_is_reported_by_the_dag_run(create, state, report, message):
    run = create()
    report()
    assert state(run) == ("failed", message)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (lambda: callbacks.task_failed(task_context()), "build_segments (try 2): no heartbeat: its worker died"),
        (lambda: callbacks.dag_run_failed(dag_run(), "set by hand"), "the dag run failed: set by hand"),
    ],
)
def test_a_run_that_was_killed_before_it_had_a_row_gets_one_with_the_reason(add_entity, session, report, message):
    """Once, whoever reports it."""
    add_entity()
    for _ in range(2):
        report()
    callbacks.dag_failed({"dag_run": dag_run()})
    [run] = session.scalars(select(Run)).all()
    assert (run.status, run.airflow_run_id, run.triggered_by) == ("failed", "manual__1", "manual:unknown")
    assert run.error_message == f"{message}{failures.UNKNOWN_WINDOW}"


def test_a_dag_run_of_no_entity_leaves_no_row(catalog, session):
    assert catalog
    callbacks.dag_run_failed(dag_run(), "set by hand")
    assert session.scalars(select(Run)).all() == []


def test_a_dag_run_whose_session_is_closed_is_recorded_without_its_tasks(create, state):
    """As `airflow dags test` hands it to listeners."""

    class Detached(SimpleNamespace):
        @property
        def task_instances(self):
            raise DetachedInstanceError("parent instance is not bound to a Session")

    run = create()
    listener.on_dag_run_failed(Detached(dag_id=DAG, run_id="manual__1", clear_number=0), callbacks.TASK_FAILURE)
    assert state(run) == ("failed", f"the dag run failed: {callbacks.TASK_FAILURE}")


def test_the_listener_reacts_to_our_own_dags_only(create, state):
    run, other = create(), create(dag_id="somebody_elses")
    listener.on_dag_run_failed(SimpleNamespace(dag_id="somebody_elses", run_id="manual__1", clear_number=0), "by hand")
    assert state(other) == ("running", None)
    listener.on_dag_run_failed(dag_run(), "by hand")
    assert state(run) == ("failed", "the dag run failed: by hand")


@pytest.mark.parametrize(
    ("reason", "named"), [("task_failure", "; failed tasks: build_segments, write_outputs"), ("set by hand", "")]
)
def test_the_listener_names_the_tasks_that_failed_where_they_are_the_reason(create, state, reason, named):
    states = {"write_outputs": "failed", "build_segments": "failed", "create_run": "success"}
    failed_run = dag_run()
    failed_run.task_instances = [SimpleNamespace(task_id=task, state=its) for task, its in states.items()]
    run = create()
    listener.on_dag_run_failed(failed_run, reason)
    assert state(run) == ("failed", f"the dag run failed: {reason}{named}")


def test_a_failed_dag_run_names_the_tasks_that_failed(create, state):
    def get_task_states(dag_id, run_ids):
        assert (dag_id, run_ids) == (DAG, ["manual__1"])
        return {"manual__1": {"write_outputs": "failed", "build_segments": "failed", "create_run": "success"}}

    run = create()
    callbacks.dag_failed({"dag_run": dag_run(), "ti": SimpleNamespace(get_task_states=get_task_states)})
    assert state(run)[1].endswith("; failed tasks: build_segments, write_outputs")


def test_the_first_report_counts_and_the_others_change_nothing(create, state):
    run = create()
    callbacks.task_failed(task_context(exception=ValueError("first")))
    callbacks.task_failed(task_context(exception=ValueError("again")))
    callbacks.dag_failed({"dag_run": dag_run(), "reason": "task_failure"})
    assert state(run) == ("failed", "build_segments (try 2): ValueError: first")


def test_a_run_that_succeeded_stays_so(create, state, session):
    run = create()
    session.execute(update(Run).where(Run.run_id == run).values(status="succeeded", finished_at=func.now()))
    session.commit()
    assert failures.fail(session, Attempt(DAG, "manual__1"), "late") == 0
    assert failures.fail_run(session, run, "late") == 0
    session.commit()
    assert state(run) == ("succeeded", None)


def test_a_late_callback_of_an_older_attempt_does_not_end_the_newer_one(create, state):
    older, newer = create(), create(clear_number=1)
    callbacks.task_failed(task_context(clear_number=0, exception=ValueError("late")))
    assert state(newer) == ("running", None)
    assert state(older)[0] == "failed"
    callbacks.task_failed(task_context(clear_number=1, exception=ValueError("own")))
    assert state(newer)[0] == "failed"


def test_a_failure_of_one_dag_run_is_no_other_s(create, state):
    mine, next_one, elsewhere = create(), create("manual__2"), create(dag_id="rtb_optimizer__other_com")
    callbacks.dag_failed({"dag_run": dag_run(), "reason": "x"})
    assert [state(run)[0] for run in (mine, next_one, elsewhere)] == ["failed", "running", "running"]


def test_a_failure_before_there_is_a_run_is_no_error(create, state):
    run = create("manual__2")
    callbacks.task_failed(task_context(exception=ValueError("WindowInvalid")))
    assert state(run) == ("running", None)


def test_a_long_message_is_cut_and_keeps_its_beginning(create, state):
    run = create()
    callbacks.task_failed(task_context(exception=ValueError("x" * 10_000)))
    assert len(state(run)[1]) == MAX_ERROR_LENGTH
    assert state(run)[1].startswith("build_segments (try 2): ValueError: xxx")


def test_a_message_that_is_no_text_is_recorded_all_the_same(create, state):
    run = create()
    callbacks.task_failed(task_context(exception=ValueError("a\0b\udc80c")))
    assert state(run) == ("failed", "build_segments (try 2): ValueError: a�b?c")


def test_the_sweep_gets_running_runs_only(create, session):
    ended, first, second = create("manual__1"), create("manual__2"), create("manual__3", 4)
    failures.fail_run(session, ended, "x")
    assert first < second
    assert failures.running_attempts(session) == [Attempt(DAG, "manual__2"), Attempt(DAG, "manual__3", 4)]


def test_runs_of_the_command_line_are_found_by_their_age(create, session):
    old, _, _ = create("a", dag_id="cli"), create("b", dag_id="cli"), create("c")
    ended = create("d", dag_id="cli")
    an_hour_ago = func.now() - timedelta(hours=1)
    session.execute(update(Run).where(Run.run_id.in_([old, ended])).values(started_at=an_hour_ago))
    failures.fail_run(session, ended, "x")
    assert failures.of_command_line(session, timedelta(minutes=30)) == [old]
