"""A store that hangs holds up nobody; a row that somebody else holds is given up with who holds it."""

from datetime import date

import psycopg
import pytest
from sqlalchemy import select, text

from hanging_store import WAIT_S, Hanging, in_a_thread
from rtb_optimizer.errors import CatalogBusy, PointerMoved, RunIncomplete
from rtb_optimizer.store import activation, connections, entities, locks, manual_activation, run_retention, runs
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, RunDecision
from rtb_optimizer.store.verification import OUTPUT_TYPES


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def finish(entity, session, make_run, store):
    """Finish a run of the entity with its outputs; returns its id."""

    def end(day):
        run = make_run(entity, data_end=date(2026, 3, day))
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        written = {kind: (store.put_once(f"{prefix}/{kind}", kind.encode()), 1) for kind in OUTPUT_TYPES}
        runs.record_outputs(session, run.run_id, written)
        activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
        session.commit()
        return run.run_id

    return end


@pytest.fixture
def hanging(monkeypatch):
    made, read = Hanging(), ObjectStore.read
    monkeypatch.setattr(ObjectStore, "read", lambda self, key: made(lambda: read(self, key)))
    yield made
    made.answers.set()


def order(to=None):
    return PointerChange("drugs_com", "ana", "because", to)


@pytest.mark.parametrize(
    "move",
    [
        lambda own, first: manual_activation.activate(own, order(first)),
        lambda own, first: manual_activation.roll_back(own, order(first)),
        lambda own, _: manual_activation.roll_back(own, order()),
    ],
    ids=["activate", "roll back to", "roll back"],
)
def test_while_a_decision_waits_for_the_store_the_entity_can_be_paused_and_decided_on(
    finish, hanging, session, move, monkeypatch
):
    monkeypatch.setattr(locks, "TIMEOUT_S", 2)
    hanging.answers.set()
    first = finish(8)
    finish(9)
    hanging.asked.clear()
    hanging.answers.clear()
    thread, came = in_a_thread(lambda own: move(own, first))
    assert hanging.asked.wait(WAIT_S)

    entities.set_status(session, "drugs_com", "paused", "ana")
    session.commit()
    entities.set_status(session, "drugs_com", "active", "ana")
    session.commit()
    hanging.answers.set()
    thread.join(WAIT_S)
    assert came[0].opt_run_id == first
    assert session.scalar(select(Entity.active_run_id)) == first


def test_a_roll_back_whose_target_changes_while_it_is_verified_moves_nothing(finish, hanging, session):
    hanging.answers.set()
    _, second, _ = finish(7), finish(8), finish(9)
    hanging.asked.clear()
    hanging.answers.clear()
    thread, came = in_a_thread(lambda own: manual_activation.roll_back(own, order()))
    assert hanging.asked.wait(WAIT_S)
    activation.roll_back(session, "drugs_com", "eve", "me too")
    session.commit()
    hanging.answers.set()
    thread.join(WAIT_S)
    assert isinstance(came[0], PointerMoved)
    assert session.scalar(select(Entity.active_run_id)) == second


def test_a_run_that_retention_deletes_while_it_is_verified_is_not_moved_to(entity, finish, hanging, session):
    hanging.answers.set()
    first = finish(8)
    finish(9)
    code = runs.find(session, first).run_code
    session.rollback()
    hanging.asked.clear()
    hanging.answers.clear()
    thread, came = in_a_thread(lambda own: manual_activation.activate(own, order(first)))
    assert hanging.asked.wait(WAIT_S)
    run_retention.delete_output_rows(session, entities.find(session, entity.entity_code, lock=True), [code])
    session.commit()
    hanging.answers.set()
    thread.join(WAIT_S)
    assert isinstance(came[0], RunIncomplete)
    assert "retention has deleted its outputs" in str(came[0])
    assert session.scalar(select(Entity.active_run_id)) != first


@pytest.mark.parametrize(
    ("what", "lock"),
    [
        ("entity drugs_com", lambda own, _: entities.set_status(own, "drugs_com", "paused", "ana")),
        ("run 1", lambda own, run: runs.running(own, run.run_id)),
        (
            "run 1",
            lambda own, run: activation.complete_and_decide(own, run.run_id, 1, (), allow_older=False),
        ),
    ],
    ids=["pause", "a step", "activation"],
)
def test_a_row_that_another_session_holds_is_given_up_with_who_holds_it_and_what_to_do(
    entity, make_run, catalog, session, monkeypatch, what, lock
):
    monkeypatch.setattr(locks, "TIMEOUT_S", 1)
    run = make_run(entity)
    with psycopg.connect(catalog, application_name="a query tool") as other:
        other.execute("SELECT * FROM opt_entities, opt_runs FOR UPDATE")
        pid = other.info.backend_pid
        with pytest.raises(CatalogBusy) as busy:
            lock(session, run)
    said = str(busy.value)
    assert said.startswith(f"{what} has been locked for 1 s, held by process {pid} of user ")
    assert "(a query tool, from 127.0.0.1), idle in transaction for " in said
    assert f"SELECT pg_terminate_backend({pid})" in said
    lock(session, run)


def test_decisions_have_the_time_of_their_commit_not_of_the_transaction_s_begin(entity, make_run, session, catalog):
    early, late = (make_run(entity, data_end=date(2026, 3, day)).run_id for day in (8, 9))
    with connections.session() as slow:
        slow.execute(text("SELECT now()"))  # its transaction begins here
        activation.complete_and_decide(session, early, 1, (), allow_older=False)
        session.commit()
        activation.complete_and_decide(slow, late, 1, (), allow_older=False)
        slow.commit()
    with psycopg.connect(catalog) as server:
        server.execute("UPDATE opt_run_decisions SET decided_at = now() + interval '1 hour' WHERE decision_number = 2")
    activation.roll_back(session, "drugs_com", "ana", "the clock went back", early)
    session.commit()
    times = session.scalars(select(RunDecision.decided_at).order_by(RunDecision.decision_number)).all()
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_only_the_rows_are_waited_for_with_a_limit_and_not_what_their_transaction_does_next(add_entity, session):
    """A task that then waits for a table, as behind a migration, is not ended by it."""
    add_entity()
    locks.locking(session, select(Entity).with_for_update(), "the entity")

    assert session.scalar(text("SHOW lock_timeout")) == "0"
