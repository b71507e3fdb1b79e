"""Maintenance ends runs without a live dag run and repairs what a crash left behind."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import CopiesNotReconciled
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import activation, connections, dag_list, entities, runs
from rtb_optimizer.store.objects import active_key
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Entity, Run

WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))


@pytest.fixture
def create(session):
    """Insert a running run of an entity; returns its id."""

    def run(entity, dag_run_id="manual__1", clear_number=0, dag_id="dag"):
        made = runs.create(session, entity, Attempt(dag_id, dag_run_id, clear_number), WINDOW, {}, "schedule")
        session.commit()
        return made.run_id

    return run


@pytest.fixture
def state(session):
    def of(opt_run_id):
        session.rollback()
        return tuple(session.execute(select(Run.status, Run.error_message).where(Run.run_id == opt_run_id)).one())

    return of


@pytest.fixture
def active(add_entity, create):
    """Add an entity with an active run."""

    def new(code):
        entity = add_entity(code)
        with connections.session() as own:
            activation.complete_and_decide(own, create(entity, code), 1, (), allow_older=False)
            own.commit()
        return entity

    return new


def test_a_run_is_ended_when_its_dag_run_is_over(add_entity, create, state):
    entity, requested = add_entity(), []
    for status, ended in (("queued", 0), ("running", 0), ("success", 1), ("failed", 1), ("deleted", 1)):
        run = create(entity, status)
        assert maintenance.sweep_runs(lambda *dag_run: requested.append(dag_run) or dag_run[1]) == ended
        message = f"swept: the dag run is {status}, and no callback reported it"
        assert state(run) == (("failed", message) if ended else ("running", None))
    assert set(requested) == {("dag", status) for status in ("queued", "running", "success", "failed", "deleted")}


def test_a_sweep_ends_only_those_that_are_over_and_does_so_once(add_entity, create, state):
    entity, states = add_entity(), {"a": "running", "b": "failed", "c": "deleted"}
    made = {name: create(entity, name) for name in states}
    assert maintenance.sweep_runs(lambda _dag, name: states[name]) == 2
    assert {name: state(run)[0] for name, run in made.items()} == {"a": "running", "b": "failed", "c": "failed"}
    assert maintenance.sweep_runs(lambda _dag, name: states[name]) == 0


def test_a_run_that_ends_during_the_sweep_stays_as_it_ended(add_entity, create, state):
    run = create(add_entity())

    def over(_dag, _name):
        with connections.session() as own:
            activation.complete_and_decide(own, run, 1, (), allow_older=False)
            own.commit()
        return "success"

    assert maintenance.sweep_runs(over) == 0
    assert state(run) == ("succeeded", None)


def test_one_dag_run_whose_state_cannot_be_read_does_not_stop_the_sweep_of_the_others(add_entity, create, state):
    def answer(_dag, name):
        if name == "b":
            raise RuntimeError("the API server is restarting")
        return "failed"

    entity = add_entity()
    made = [create(entity, name) for name in "abc"]
    with pytest.raises(RuntimeError, match="restarting"):
        maintenance.sweep_runs(answer)
    assert [state(run)[0] for run in made] == ["failed", "running", "failed"]


def test_runs_of_the_command_line_are_given_up_after_a_day_without_querying_airflow(add_entity, create, state, session):
    entity = add_entity()
    old, young = (create(entity, name, dag_id="cli") for name in ("old", "young"))
    day = func.now() - timedelta(hours=24, minutes=1)
    session.execute(update(Run).where(Run.run_id == old).values(started_at=day))
    session.execute(update(Run).where(Run.run_id == young).values(started_at=day + timedelta(minutes=2)))
    session.commit()
    assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 1
    assert (state(old)[0], state(young)[0]) == ("failed", "running")
    assert "abandoned" in state(old)[1]


def test_copies_that_are_missing_stale_or_garbage_are_repaired(active, create, session, store):
    result = {code: active(code) for code in ("missing_com", "stale_com", "garbage_com", "right_com")}
    assert maintenance.reconcile_active_copies() == 4

    keys = {code: active_key(entity.s3_base_path) for code, entity in result.items()}
    store._client.delete_object(Bucket=store.bucket, Key=keys["missing_com"])
    store.replace(keys["garbage_com"], b"\xff{")
    newer = create(result["stale_com"], "newer")
    activation.complete_and_decide(session, newer, 1, (), allow_older=False)
    session.commit()

    assert maintenance.reconcile_active_copies() == 3
    truth = {code: entities.find(session, code).active_run_id for code in result}
    session.expire_all()
    assert {code: json.loads(store.read(key))["run_id"] for code, key in keys.items()} == {
        code: session.scalar(select(Entity.active_run_id).where(Entity.entity_code == code)) for code in truth
    }
    assert maintenance.reconcile_active_copies() == 0


def test_an_entity_that_was_never_active_needs_no_copy(add_entity):
    add_entity()
    assert maintenance.reconcile_active_copies() == 0


def test_one_entity_that_cannot_be_reconciled_does_not_stop_the_others_and_is_named(active, session, store):
    result = {code: active(code) for code in ("a_com", "broken_com", "c_com")}
    session.execute(
        update(Entity).where(Entity.entity_code == "broken_com").values(s3_base_path="s3://no-such-bucket/x")
    )
    session.commit()
    with pytest.raises(CopiesNotReconciled, match=r"broken_com: .*NoSuchBucket") as caught:
        maintenance.reconcile_active_copies()
    assert "\n" not in str(caught.value)
    assert "a_com" not in str(caught.value)
    for code in ("a_com", "c_com"):
        assert json.loads(store.read(active_key(result[code].s3_base_path)))["entity_code"] == code


def test_the_dag_list_is_exported_with_every_active_entity(active, session):
    for code in ("a_com", "b_com"):
        active(code)
    assert maintenance.export_dag_list() == 2
    entities.set_status(session, "a_com", "paused", "ana")
    session.commit()
    assert maintenance.export_dag_list() == 1
    assert [entry["entity_code"] for entry in dag_list.load(dag_list.path())["entities"]] == ["b_com"]
