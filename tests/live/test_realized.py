"""The results of a table after it went live, and policies that stand down."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from rtb_optimizer.core.decision.activation import Decision, failed_gates
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.live.realized import live_policy
from rtb_optimizer.live.standing_down import stand_down_if_harmful
from rtb_optimizer.live.summary import realized
from rtb_optimizer.run.report_document import live_lift
from rtb_optimizer.store import activation, active_copy, history, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Entity, Run, RunAlert, RunOutcome
from v3_settings import v3_settings

FIRST = date(2026, 3, 1)


@pytest.fixture
def entity(add_entity, session):
    return session.merge(add_entity())


@pytest.fixture
def activated(make_run, session, monkeypatch):
    """Activate a run of a configuration, whose outputs are taken as intact."""
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: None)

    def activate(entity, day, **values):
        run = session.get_one(Run, make_run(entity, data_end=day).run_id)
        run.config_snapshot = {"values": {"objective": "outcome", "cost_column": "price", **values}}
        session.flush()
        return activation.complete_and_decide(session, run.run_id, 1, [], allow_older=False).opt_run_id

    return activate


def nights(session, entity, run_id, number, lift, seed=1, start=FIRST, outcomes_a_night=2_000, share=0.1):
    """Record nights of a run whose treated requests bring `lift` more per cost than the control."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(number):
        for arm, part, factor in ((Arm.TREATED, 1 - share, 1 + lift), (Arm.CONTROL, share, 1.0)):
            counts = rng.poisson(outcomes_a_night * part * factor / 16, 16).astype(float)
            cost = 100.0 * part / 16
            buckets = {f"{b:x}": [cost * 10, counts[b], 0.0, cost] for b in range(16)}
            total = float(counts.sum())
            day = start + timedelta(days=n)
            rows.append(Outcome(run_id, day, arm, 100, cost * 160, total, 0.0, cost * 16, total, 1.0, buckets))
    outcomes.record(session, entity.entity_code, run_id, rows)
    session.commit()


def test_a_day_is_counted_once_however_often_its_logs_are_read(entity, activated, session):
    run_id = activated(entity, date(2026, 3, 2))
    for seed in (1, 2, 3):
        nights(session, entity, run_id, 4, 0.0, seed)

    rows = session.scalars(select(RunOutcome)).all()
    assert sorted((row.log_day.day, row.arm) for row in rows) == [
        (day, arm) for day in (1, 2, 3, 4) for arm in ("control", "treated")
    ]


def test_an_earlier_run_that_finishes_late_does_not_replace_what_a_later_one_has_counted(entity, activated, session):
    first, second = activated(entity, date(2026, 3, 2)), activated(entity, date(2026, 3, 3))
    nights(session, entity, second, 2, 0.0)
    late = Outcome(first, FIRST, Arm.TREATED, 1, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, {"0": [1.0, 1.0, 0.0, 1.0]})

    assert outcomes.record(session, entity.entity_code, first, [late]) == 0
    assert {row.run_id for row in session.scalars(select(RunOutcome))} == {second}


def test_the_policy_before_a_change_of_the_configuration_says_nothing_of_the_one_after(entity, activated, session):
    old = activated(entity, date(2026, 3, 2), max_features=3)
    nights(session, entity, old, 5, -0.5)
    new = activated(entity, date(2026, 3, 7), max_features=4)
    nights(session, entity, new, 3, 0.1, start=FIRST + timedelta(days=6))

    found = live_policy(session, session.get_one(Entity, entity.entity_id))
    assert {day.day for day in found.days} == {FIRST + timedelta(days=n) for n in (6, 7, 8)}


def test_keys_that_change_no_table_do_not_begin_a_new_policy(entity, activated, session):
    first = activated(entity, date(2026, 3, 2), alert_on=["failed"], holdback_share=0.05)
    nights(session, entity, first, 3, 0.0)
    activated(entity, date(2026, 3, 3), alert_on=[], holdback_share=0.1)

    assert len(live_policy(session, session.get_one(Entity, entity.entity_id)).days) == 6


@pytest.fixture
def harmful(entity, activated, session):
    """A good policy, then one that loses a fifth of the outcomes; returns their runs."""
    good = activated(entity, date(2026, 3, 2), max_features=3)
    bad = activated(entity, date(2026, 3, 3), max_features=4, holdback_share=0.1)
    nights(session, entity, bad, 12, -0.2, start=FIRST + timedelta(days=2))
    return good, bad


def test_a_harmful_policy_goes_back_to_the_last_run_of_the_policy_before(entity, harmful, session):
    good, bad = harmful
    decided = stand_down_if_harmful(session, entity.entity_code)

    assert decided.decision is Decision.STOOD_DOWN
    assert session.get_one(Entity, entity.entity_id).active_run_id == good
    last = history.last_move(session, entity)
    assert (last.run_id, last.to_run_id, last.decided_by) == (bad, good, "auto")
    assert "below the holdback's" in last.reasons[0]
    assert [alert.kind for alert in session.scalars(select(RunAlert))] == ["stood_down"]


def test_without_a_policy_before_bidders_bid_1_and_the_copy_says_so(entity, activated, session):
    only = activated(entity, date(2026, 3, 2))
    nights(session, entity, only, 12, -0.2)
    stand_down_if_harmful(session, entity.entity_code)

    assert session.get_one(Entity, entity.entity_id).active_run_id is None
    assert b'"run_id": null' in active_copy.content(session, session.get_one(Entity, entity.entity_id))


def test_it_stands_down_once_for_one_cause_and_holds_its_next_runs(entity, harmful, activated, session):
    stand_down_if_harmful(session, entity.entity_code)

    assert stand_down_if_harmful(session, entity.entity_code) is None
    held = activated(entity, date(2026, 3, 20), max_features=4)
    assert session.get_one(Entity, entity.entity_id).active_run_id == harmful[0]
    reasons = [row["reasons"] for row in history.decision_rows(session, entity, 1)]
    assert reasons[0][0].startswith("its policy stood down on")
    assert held != harmful[0]


@pytest.mark.usefixtures("harmful")
def test_another_configuration_goes_live_after_one_stood_down(entity, activated, session):
    stand_down_if_harmful(session, entity.entity_code)
    other = activated(entity, date(2026, 3, 20), max_features=5)

    assert session.get_one(Entity, entity.entity_id).active_run_id == other


def test_a_person_outranks_it_until_later_days_prove_it_again(entity, harmful, activated, session):
    stand_down_if_harmful(session, entity.entity_code)
    activation.activate_manually(session, harmful[1], "ana", "the loss came from an outage")
    session.commit()

    assert stand_down_if_harmful(session, entity.entity_code) is None
    again = activated(entity, date(2026, 3, 21), max_features=4)
    assert session.get_one(Entity, entity.entity_id).active_run_id == again

    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    nights(session, entity, again, 12, -0.2, start=tomorrow)
    assert stand_down_if_harmful(session, entity.entity_code).decision is Decision.STOOD_DOWN


def test_it_never_goes_back_to_what_was_found_harmful(entity, harmful, activated, session):
    stand_down_if_harmful(session, entity.entity_code)
    third = activated(entity, date(2026, 3, 20), max_features=5)
    nights(session, entity, third, 12, -0.3, start=date(2026, 3, 20))
    stand_down_if_harmful(session, entity.entity_code)

    assert session.get_one(Entity, entity.entity_id).active_run_id == harmful[0]


@pytest.mark.parametrize("lift", [0.0, 0.2])
def test_a_policy_that_does_no_harm_stays(entity, activated, session, lift):
    run_id = activated(entity, date(2026, 3, 2))
    nights(session, entity, run_id, 12, lift)

    assert stand_down_if_harmful(session, entity.entity_code) is None


def test_with_auto_stand_down_off_a_person_decides(entity, activated, session):
    activated(entity, date(2026, 3, 2), max_features=3)
    bad = activated(entity, date(2026, 3, 3), auto_stand_down=False)
    nights(session, entity, bad, 12, -0.2)

    assert stand_down_if_harmful(session, entity.entity_code) is None
    assert realized(session, session.get_one(Entity, entity.entity_id)).standing == "harmful"


def test_without_a_control_nothing_is_decided_and_the_way_to_know_is_named(entity, activated, session):
    run_id = activated(entity, date(2026, 3, 2))
    nights(session, entity, run_id, 12, -0.2)
    session.execute(RunOutcome.__table__.delete().where(RunOutcome.arm == "control"))
    session.commit()

    assert stand_down_if_harmful(session, entity.entity_code) is None
    found = realized(session, session.get_one(Entity, entity.entity_id))
    assert "holdback_share" in found.reasons[0]
    assert "will be known after about" in found.reasons[0]
    assert found.realized_over_predicted == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("min_live_lift", "lift", "is_same_policy", "held"),
    [(-1.0, 0.02, True, False), (0.1, 0.02, True, True), (0.1, 0.3, True, False), (0.1, 0.02, False, False)],
    ids=["off", "surely below", "above", "of another policy"],
)
def test_a_run_is_held_where_its_policy_surely_brings_less_than_is_asked_for(
    entity, activated, session, min_live_lift, lift, is_same_policy, held
):
    run_id = activated(entity, date(2026, 3, 2))
    nights(session, entity, run_id, 20, lift, outcomes_a_night=20_000)
    came = realized(session, session.get_one(Entity, entity.entity_id))
    facts = live_lift(v3_settings(min_live_lift=min_live_lift), came, is_same_policy=is_same_policy)
    others = {"outcomes": 1.0, "segments": 1, "partition_share": 1, "holdout_gain": 0.1}
    failed = failed_gates(others | facts, others | {"holdout_gain": 0.0} | dict.fromkeys(facts, min_live_lift))

    assert bool(failed) is held
    assert all("lift of this policy over its holdback" in each for each in failed)
