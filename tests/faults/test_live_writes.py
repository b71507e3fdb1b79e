"""What was live is counted, and policies stand down, whatever fails in the midst of it."""

from datetime import date, timedelta

import pytest
from psycopg.rows import dict_row
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from effects import AFTER, BEFORE, Effects, Fault
from hanging_store import WAIT_S, Hanging, in_a_thread
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.live.standing_down import stand_down_if_harmful
from rtb_optimizer.store import activation, connections, entities, locks, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunOutcome

DAYS = 12


@pytest.fixture
def harmful(add_entity, make_run, session, monkeypatch):
    """An entity whose active run has lost half of the outcomes, after one of another policy; returns both runs."""
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: None)
    entity, ids = add_entity(), []
    for number, day in enumerate((date(2026, 3, 2), date(2026, 3, 3))):
        run = session.get_one(Run, make_run(entity, data_end=day).run_id)
        run.config_snapshot = {"values": {"cost_column": "price", "max_features": number}}
        session.flush()
        ids.append(activation.complete_and_decide(session, run.run_id, 1, [], allow_older=False).opt_run_id)
        session.commit()
    outcomes.record(session, entity.entity_code, ids[1], [*of_days(ids[1])])
    session.commit()
    return entity.entity_code, *ids


def of_days(run_id):
    """Days on which the control earned twice what the treated requests did per cost."""
    for day in range(DAYS):
        for arm, each in ((Arm.TREATED, 50.0), (Arm.CONTROL, 100.0)):
            parts = {f"{n:x}": [10.0, each + n % 3, 0.0, 5.0] for n in range(16)}
            total = sum(sums[1] for sums in parts.values())
            yield Outcome(
                run_id, date(2026, 3, 3) + timedelta(days=day), arm, 9, 160.0, total, 0.0, 80.0, total, 1.0, parts
            )


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_policy_stands_down_once_whatever_becomes_of_its_commit(harmful, session, when):
    code, good, _ = harmful
    fault = Fault(": commit", when)
    with Effects(fault).watched(), connections.session() as lost, pytest.raises(OperationalError):
        stand_down_if_harmful(lost, code)
    assert fault.fired

    stand_down_if_harmful(session, code)
    entity = session.scalars(select(Entity).where(Entity.entity_code == code)).one()
    stood_down = session.scalars(select(RunDecision).where(RunDecision.decision == "stood_down")).all()
    assert entity.active_run_id == good
    assert len(stood_down) == 1


def test_of_sixteen_at_once_one_takes_the_policy_off_and_the_history_adds_up(harmful, catalog, session, at_once):
    code, good, bad = harmful

    def decide(number):
        with connections.session() as own:
            if number % 4:
                return stand_down_if_harmful(own, code)
            activation.activate_manually(own, good, f"person {number}", "to be sure")
            return own.commit()

    decided = at_once(lambda number: tolerant(decide, number), range(16))
    assert sum(each is not None for each in decided) <= 1
    lines = history_of(catalog)
    assert [line["decision_number"] for line in lines] == list(range(1, len(lines) + 1))
    assert session.scalars(select(Entity).where(Entity.entity_code == code)).one().active_run_id in {good, bad}


def tolerant(decide, number):
    from rtb_optimizer.errors import EntityInvalid

    try:
        return decide(number)
    except EntityInvalid:  # the run was active already
        return None


def history_of(catalog):
    import psycopg

    with psycopg.connect(catalog, row_factory=dict_row) as server:
        return server.execute("SELECT * FROM opt_run_decisions ORDER BY decision_number").fetchall()


def test_while_a_policy_that_stands_down_waits_for_the_store_the_entity_can_be_paused(
    harmful,
    session,
    monkeypatch,
):
    code, good, _ = harmful
    hanging = Hanging()
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: hanging(lambda: None))
    monkeypatch.setattr(locks, "TIMEOUT_S", 2)
    thread, came = in_a_thread(lambda own: stand_down_if_harmful(own, code))
    assert hanging.asked.wait(WAIT_S)
    entities.set_status(session, code, "paused", "ana")
    session.commit()
    hanging.answers.set()
    thread.join(WAIT_S)
    assert came[0].decision == "stood_down"
    assert session.scalar(select(Entity.active_run_id)) == good


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_days_are_counted_once_whatever_becomes_of_the_commit(harmful, session, when):
    code, _, run_id = harmful
    fault = Fault(": commit", when)

    def count():
        with connections.session() as own:
            outcomes.record(own, code, run_id, [*of_days(run_id)])
            own.commit()

    with Effects(fault).watched(), pytest.raises(OperationalError):
        count()
    assert fault.fired
    count()
    assert len(session.scalars(select(RunOutcome)).all()) == 2 * DAYS


def test_of_eight_that_count_the_same_days_at_once_one_set_of_rows_remains(harmful, session, at_once):
    code, good, bad = harmful

    def count(number):
        run_id = (good, bad)[number % 2]
        with connections.session() as own:
            outcomes.record(own, code, run_id, [*of_days(bad)])
            own.commit()

    at_once(count, range(8))
    rows = session.scalars(select(RunOutcome)).all()
    assert len(rows) == 2 * DAYS
    assert {row.measured_by for row in rows} == {bad}
