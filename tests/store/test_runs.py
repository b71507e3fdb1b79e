"""There is one run per attempt, and only a running run can be written to."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.errors import NotFound, RunNotRunning
from rtb_optimizer.store import connections, failures, runs
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Run, RunFeature, RunFeatureMacro, RunOutput

WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
LATER = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
CHOSEN = [
    Chosen("internal_adspace_id", 1, True, 0.2, 0.01, 0.2, 9.0, 50.0),
    Chosen("browser", 2, False, 0.1, 0.02, 0.1, 5.0, 9.0),
]
COMBOS = {"adx": "[ADX_PLACEMENT_ID]|[ADX_BROWSER]"}
OUTPUTS = {"segments": (StoredObject("rtb", "k", 5, "a" * 64), 7)}


@pytest.fixture
def entity(add_entity):
    return add_entity()


def attempt(dag_run_id="manual__1", clear_number=0):
    return Attempt("rtb_optimizer__drugs_com", dag_run_id, clear_number)


@pytest.fixture
def create(entity):
    def run(of=None, window=WINDOW, triggered_by="schedule"):
        with connections.session() as own:
            made = runs.create(own, entity, of or attempt(), window, {"values": {"a": 1}}, triggered_by)
            own.commit()
            return made

    return run


def test_a_run_s_code_contains_entity_window_and_attempt():
    codes = [
        Attempt(dag, run, clear).run_code("drugs_com", WINDOW)
        for dag, run, clear in (("d", "r", 0), ("d", "r", 1), ("d", "s", 0), ("e", "r", 0), ("d|r", "", 0))
    ]
    assert [code for code in codes if not re.fullmatch(r"drugs_com-20260309-20260310-[0-9a-f]{10}", code)] == []
    assert len(set(codes)) == len(codes)
    assert Attempt("d", "r").run_code("drugs_com", WINDOW) == codes[0]
    assert Attempt("d", "r").run_code("drugs_com", LATER) != codes[0]


def test_a_run_is_created_running_with_all_it_was_given(create, entity):
    run = create(triggered_by="backfill:ana")
    assert (run.entity_id, run.version_id, run.status) == (entity.entity_id, entity.current_version_id, "running")
    assert (run.data_start, run.data_end, run.triggered_by) == (WINDOW.start, WINDOW.end, "backfill:ana")
    assert (run.airflow_dag_id, run.airflow_run_id, run.clear_number) == ("rtb_optimizer__drugs_com", "manual__1", 0)
    assert run.config_snapshot == {"values": {"a": 1}}
    assert run.run_code == attempt().run_code("drugs_com", WINDOW)


def test_a_retry_finds_its_own_run_even_when_the_clock_has_moved_on(create, session):
    first = create()
    again = create(window=LATER, triggered_by="manual:ben")
    assert (again.run_id, again.run_code, again.data_end) == (first.run_id, first.run_code, WINDOW.end)
    assert session.scalar(select(func.count()).select_from(Run)) == 1


def test_a_retry_finds_its_own_run_after_it_has_failed(create, session):
    run = create()
    failures.fail_run(session, run.run_id, "killed")
    session.commit()
    assert (create().run_id, create().status) == (run.run_id, "failed")


def test_of_many_that_create_the_same_run_at_once_all_get_the_same(create, at_once):
    made = at_once(lambda _: create().run_id, range(8))
    assert len(set(made)) == 1


def test_a_cleared_attempt_gets_a_new_run_and_closes_the_older_one(create, session):
    old, other, new = create(), create(attempt("manual__2")), create(attempt(clear_number=1))
    assert new.run_id != old.run_id
    assert new.run_code != old.run_code
    statuses = dict(session.execute(select(Run.run_id, Run.status)).all())
    assert statuses == {old.run_id: "failed", other.run_id: "running", new.run_id: "running"}
    assert "cleared" in session.get_one(Run, old.run_id).error_message


def test_a_cleared_attempt_leaves_an_older_one_that_had_ended_as_it_was(create, session):
    old = create()
    failures.fail_run(session, old.run_id, "killed")
    session.commit()
    create(attempt(clear_number=2))
    assert session.get_one(Run, old.run_id).error_message == "killed"


def test_a_run_is_found_by_id_and_by_code(create, session):
    run = create()
    assert [runs.find(session, name).run_id for name in (run.run_id, str(run.run_id), run.run_code)] == [run.run_id] * 3
    for name in (4711, "4711", "nothing-of-that-name", "²", "9" * 30, ""):
        with pytest.raises(NotFound, match="runs list"):
            runs.find(session, name)


def record_all(session, opt_run_id):
    runs.record_features(session, opt_run_id, CHOSEN)
    runs.record_ad_macros(session, opt_run_id, COMBOS)
    runs.record_outputs(session, opt_run_id, OUTPUTS)
    session.commit()


def test_what_is_recorded_twice_stands_there_once_in_order(create, session):
    run = create()
    for _ in range(2):
        record_all(session, run.run_id)
    features = runs.features(session, run.run_id)
    assert [(f.feature_order, f.feature_name, f.is_anchor, f.signal_score) for f in features] == [
        (1, "internal_adspace_id", True, 0.2),
        (2, "browser", False, 0.1),
    ]
    macros = runs.ad_macros(session, run.run_id)
    assert [(m.macro_format, m.macro_combo) for m in macros] == [("adx", "[ADX_PLACEMENT_ID]|[ADX_BROWSER]")]
    outputs = runs.outputs(session, run.run_id)
    assert [(o.output_type, o.s3_bucket, o.s3_key, o.byte_size, o.sha256, o.row_count) for o in outputs] == [
        ("segments", "rtb", "k", 5, "a" * 64, 7)
    ]


def test_what_is_recorded_twice_at_once_stands_there_once(create, session, at_once):
    def record(_):
        with connections.session() as own:
            record_all(own, run.run_id)

    run = create()
    at_once(record, range(6))
    for table, count in ((RunFeature, 2), (RunFeatureMacro, 1), (RunOutput, 1)):
        assert session.scalar(select(func.count()).select_from(table)) == count


@pytest.mark.parametrize("status", ["failed", "succeeded"])
def test_an_orphan_cannot_write_to_a_run_that_has_ended(entity, make_run, session, status):
    run = make_run(entity, status=status)
    for write in (
        lambda: runs.record_features(session, run.run_id, CHOSEN),
        lambda: runs.record_ad_macros(session, run.run_id, COMBOS),
        lambda: runs.record_outputs(session, run.run_id, OUTPUTS),
    ):
        with pytest.raises(RunNotRunning, match=f"{run.run_code} is {status}, not running"):
            write()
        session.rollback()
    assert not runs.features(session, run.run_id)
    assert not runs.ad_macros(session, run.run_id)
    assert not runs.outputs(session, run.run_id)


def test_the_fence_sees_a_failure_that_came_after_the_run_was_read(create, session):
    run = create()
    with connections.session() as orphan:
        read_before = runs.find(orphan, run.run_id)
        failures.fail_run(session, run.run_id, "swept")
        session.commit()
        assert read_before.status == "running"
        with pytest.raises(RunNotRunning, match="swept"):
            runs.record_outputs(orphan, run.run_id, OUTPUTS)


def test_a_failure_waits_until_a_write_that_was_let_in_has_ended(create, session, at_once):
    """The fence holds until the commit: a run never gets rows after it was seen to have failed."""
    run = create()
    runs.record_outputs(session, run.run_id, OUTPUTS)

    def act(who):
        if who == "writer":
            session.commit()
            return None
        with connections.session() as own:
            ended = failures.fail_run(own, run.run_id, "swept")
            rows = len(runs.outputs(own, run.run_id))
            own.commit()
            return ended, rows

    assert at_once(act, ["failer", "writer"])[0] == (1, 1)
