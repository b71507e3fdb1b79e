"""A challenger is opened, goes live, and is promoted or dropped once, whatever fails in the midst of it."""

from datetime import date, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from effects import AFTER, BEFORE, Effects, Fault
from rtb_optimizer.errors import EntityInvalid, NotFound, PointerMoved
from rtb_optimizer.operations.retention import apply_retention
from rtb_optimizer.store import activation, challenger_runs, challengers, configs, connections, policies
from rtb_optimizer.store.schema import Challenger, Entity, EntityConfigChange, Run, RunDecision, RunOutput
from whole_run import assert_the_history_adds_up

DAY = date(2026, 3, 10)
OVERRIDES = {"max_features": "4"}


@pytest.fixture
def entity(add_entity, make_run, session):
    """An entity with an active run, and one that was active before."""
    entity = add_entity()
    for day in (DAY - timedelta(days=1), DAY):
        run_id = make_run(entity, data_end=day).run_id
        activation.complete_and_decide(session, run_id, 1, (), allow_older=False)
        session.commit()
    return session.get_one(Entity, entity.entity_id)


@pytest.fixture
def rival(entity, make_run, session):
    """The run of the entity's open challenger, which is to go live."""
    challenger = challengers.challenge(session, entity.entity_code, 0.1, OVERRIDES, "ana")
    session.commit()
    return make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id


@pytest.fixture
def live(rival, session):
    """The same, live."""
    challenger_runs.complete(session, rival, 1, ())
    session.commit()
    return rival


def interrupted(act, when):
    """Do something whose commit is lost, before or after the server has it."""
    fault = Fault(": commit", when)
    with Effects(fault).watched(), connections.session() as lost:
        act(lost)
        with pytest.raises(OperationalError):
            lost.commit()
    assert fault.fired


def again(act, *expected):
    """Do it again; what was done already may be refused, by one of these errors."""
    with connections.session() as session:
        try:
            act(session)
            session.commit()
        except expected:
            session.rollback()


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_one_challenger_is_open_whatever_becomes_of_the_commit(entity, session, when):
    def act(own):
        challengers.challenge(own, entity.entity_code, 0.1, OVERRIDES, "ana")

    interrupted(act, when)
    again(act, EntityInvalid)
    assert [each.overrides for each in session.scalars(select(Challenger))] == [OVERRIDES]


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_its_run_goes_live_once(rival, session, when):
    def act(own):
        challenger_runs.complete(own, rival, 1, ())

    interrupted(act, when)
    again(act)
    assert session.scalars(select(Challenger)).one().run_id == rival
    assert len(of_run(session, rival)) == 1


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_it_is_promoted_once_with_its_values_and_its_run_together(entity, live, session, when):
    def act(own):
        challengers.promote(own, entity.entity_code, "ana", ["better"])

    interrupted(act, when)
    assert_all_or_nothing(session, entity, live)
    again(act, NotFound)
    session.expire_all()
    assert_all_or_nothing(session, entity, live)
    assert [line.decision for line in of_run(session, live)] == ["challenging", "promoted"]
    changes = select(EntityConfigChange)
    assert len(session.scalars(changes.where(EntityConfigChange.config_key == "max_features")).all()) == 1


def assert_all_or_nothing(session, entity, live):
    """The end of the challenger, its values, its run and the pointer change together, or none of them does."""
    session.expire_all()
    is_promoted = session.scalars(select(Challenger)).one().result == "promoted"
    assert (session.get_one(Entity, entity.entity_id).active_run_id == live) is is_promoted
    assert (configs.overrides(session, entity.entity_id).get("max_features") == "4") is is_promoted
    assert session.get_one(Run, live).is_challenger is not is_promoted


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_it_is_dropped_once(entity, live, session, when):
    def act(own):
        challengers.drop(own, entity.entity_code, "ana", ["worse"])

    interrupted(act, when)
    again(act, NotFound)
    assert session.scalars(select(Challenger)).one().result == "dropped"
    assert [line.decision for line in of_run(session, live)] == ["challenging", "dropped"]


def of_run(session, run_id):
    rows = session.scalars(select(RunDecision).where(RunDecision.run_id == run_id))
    return sorted(rows, key=lambda row: row.decision_number)


def test_of_sixteen_who_end_it_at_once_one_does_and_the_history_adds_up(entity, live, catalog, session, at_once):
    policy = policies.policy_of(session.get_one(Run, entity.active_run_id))
    acts = (
        lambda own: challengers.promote(own, entity.entity_code, "ana", ["better"]),
        lambda own: challengers.drop(own, entity.entity_code, "ana", ["worse"]),
        lambda own: activation.roll_back(own, entity.entity_code, "ana", "bad"),
        lambda own: activation.stand_down(own, entity.entity_code, policy, ["a loss"], lambda _: True),
    )

    def act(number):
        with connections.session() as own:
            try:
                acts[number % 4](own)
                own.commit()
            except (EntityInvalid, NotFound, PointerMoved):
                own.rollback()

    at_once(act, range(16))
    with psycopg.connect(catalog, row_factory=dict_row) as server:
        lines = server.execute("SELECT * FROM opt_run_decisions ORDER BY decision_number").fetchall()
    session.expire_all()
    assert_the_history_adds_up(lines, session.get_one(Entity, entity.entity_id).active_run_id)
    ended = [line["decision"] for line in lines if line["decision"] in ("promoted", "dropped")]
    assert ended == [session.scalars(select(Challenger)).one().result]
    assert session.get_one(Run, live).is_challenger is (ended == ["dropped"])


def test_retention_and_a_promotion_at_once_leave_the_outputs_of_the_live_run(
    entity, live, session, store, base_path, at_once
):
    of = session.get_one(Run, live)
    of.finished_at = of.started_at - timedelta(days=400)
    session.add(outputs_of(store, base_path, of))
    session.commit()

    def act(number):
        if number % 2:
            return apply_retention(entity.entity_code).problems
        with connections.session() as own:
            try:
                challengers.promote(own, entity.entity_code, "ana", ["better"])
                own.commit()
            except NotFound:
                own.rollback()
        return []

    assert [each for each in at_once(act, range(8)) if each] == []
    assert session.scalars(select(RunOutput).where(RunOutput.run_id == live)).one().s3_key
    assert store.stored(outputs_of(store, base_path, of).s3_key) is not None


def outputs_of(store, base_path, run):
    stored = store.put_once(f"{base_path.split('/', 3)[3]}/drugs_com/runs/{run.run_code}/segments.parquet", b"rows")
    return RunOutput(
        run_id=run.run_id,
        output_type="segments",
        s3_bucket=stored.bucket,
        s3_key=stored.key,
        row_count=1,
        byte_size=stored.byte_size,
        sha256=stored.sha256,
    )
