"""The results of a challenger beside the active policy, and the decision by them."""

from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.policy import Standing
from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.live.challengers import decide_by_evidence, live_challenger
from rtb_optimizer.live.realized import live_policy
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import activation, challenger_runs, challengers, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Entity, Run, RunAlert

FIRST = date(2026, 3, 1)
BOTH = [Decision.PROMOTED, Decision.DROPPED]


@pytest.fixture
def entity(add_entity, session, monkeypatch):
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: None)
    return session.merge(add_entity())


@pytest.fixture
def run_of(make_run, session):
    """Make a run of a configuration that ends on a day, and finish it; with `challenger_id` that of the challenger."""

    def make(entity, day, challenger_id=None, **values):
        of = {} if challenger_id is None else {"challenger_id": challenger_id}
        run = session.get_one(Run, make_run(entity, data_end=day, **of).run_id)
        run.config_snapshot = {"values": {"objective": "outcome", "cost_column": "price", **values}}
        session.flush()
        if challenger_id is None:
            activation.complete_and_decide(session, run.run_id, 1, [], allow_older=False)
        else:
            challenger_runs.complete(session, run.run_id, 1, [])
        session.commit()
        return run.run_id

    return make


@pytest.fixture
def both(entity, run_of, session):
    """An entity's active run and the live run of its challenger."""
    active = run_of(entity, FIRST, max_features=3)
    challenger = challengers.challenge(session, entity.entity_code, 0.2, {"max_features": "4"}, "ana")
    session.commit()
    return active, run_of(entity, FIRST, challenger.challenger_id, max_features=4)


def nights(session, entity, both, number, lift, start=FIRST, seed=1, share=0.2):
    """Record nights on which the challenger's requests brought `lift` more per cost than the active policy's."""
    rng, rows = np.random.default_rng(seed), []
    for n in range(number):
        arms = ((both[0], Arm.TREATED, 0.7, 1.0), (both[1], Arm.CHALLENGER, share, 1 + lift))
        for run_id, arm, part, factor in (*arms, (both[0], Arm.CONTROL, 0.1, 1.0)):
            counts = rng.poisson(3_000 * part * factor / 16, 16).astype(float)
            cost = 100.0 * part / 16
            buckets = {f"{b:x}": [cost * 10, counts[b], 0.0, cost] for b in range(16)}
            total, day = float(counts.sum()), start + timedelta(days=n)
            rows.append(Outcome(run_id, day, arm, 100, cost * 160, total, 0.0, cost * 16, total, 1.0, buckets))
    outcomes.record(session, entity.entity_code, max(both), rows)
    session.commit()


def of(session, entity):
    return live_challenger(session, session.get_one(Entity, entity.entity_id))


def test_before_its_first_night_nothing_is_known(entity, run_of, session):
    run_of(entity, FIRST)
    assert of(session, entity) is None
    challengers.challenge(session, entity.entity_code, 0.2, {"max_features": "4"}, "ana")

    found = of(session, entity)
    assert (found.run, found.days, found.verdict.standing) == (None, (), Standing.WATCHING)
    assert realized(session, session.get_one(Entity, entity.entity_id)).challenger.reasons == (
        "it has no run yet: the next night makes the first",
    )


def test_the_day_on_which_it_went_live_is_no_whole_day_and_the_holdback_is_not_its_control(entity, both, session):
    nights(session, entity, both, 3, 0.0)

    found = of(session, entity)
    assert found.lift.nights == 2
    assert [(day.day.day, day.arm) for day in found.days] == [
        (2, "challenger"),
        (2, "treated"),
        (3, "challenger"),
        (3, "treated"),
    ]


def test_a_better_one_is_promoted_with_its_figures_and_an_alert(entity, both, session):
    nights(session, entity, both, 20, 0.3)

    assert decide_by_evidence(session, entity.entity_code, [Decision.DROPPED]) is None
    assert decide_by_evidence(session, entity.entity_code, BOTH) is Decision.PROMOTED
    assert session.get_one(Entity, entity.entity_id).active_run_id == both[1]
    (ended,) = challengers.ended(session, entity)
    assert (ended.result, ended.ended_by) == ("promoted", "auto")
    assert "above the active policy's over 19 nights, 95% interval" in ended.reasons[0]
    assert [(alert.kind, alert.run_id) for alert in session.scalars(select(RunAlert))] == [("challenger", both[1])]
    assert decide_by_evidence(session, entity.entity_code, BOTH) is None


def test_a_worse_one_is_dropped(entity, both, session):
    nights(session, entity, both, 20, -0.3)

    assert decide_by_evidence(session, entity.entity_code, [Decision.PROMOTED]) is None
    assert decide_by_evidence(session, entity.entity_code, BOTH) is Decision.DROPPED
    assert session.get_one(Entity, entity.entity_id).active_run_id == both[0]


@pytest.mark.parametrize("seed", range(5))
def test_an_equal_one_is_watched(entity, both, session, seed):
    nights(session, entity, both, 20, 0.0, seed=seed)

    assert decide_by_evidence(session, entity.entity_code, BOTH) is None
    assert of(session, entity).verdict.known_by is not None


def test_with_auto_stand_down_off_a_person_decides(entity, run_of, session):
    active = run_of(entity, FIRST, auto_stand_down=False)
    challenger = challengers.challenge(session, entity.entity_code, 0.2, {"max_features": "4"}, "ana")
    live = run_of(entity, FIRST, challenger.challenger_id, auto_stand_down=False, max_features=4)
    nights(session, entity, (active, live), 20, 0.3)

    assert decide_by_evidence(session, entity.entity_code, BOTH) is None
    assert of(session, entity).verdict.standing is Standing.BETTER


def test_outputs_that_are_gone_are_not_promoted(entity, both, session, monkeypatch):
    nights(session, entity, both, 20, 0.3)

    def gone(*_):
        raise RunIncomplete("segments is gone")

    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", gone)
    with pytest.raises(RunIncomplete):
        decide_by_evidence(session, entity.entity_code, BOTH)
    session.rollback()
    assert session.get_one(Entity, entity.entity_id).active_run_id == both[0]
    assert challengers.open_one(session, entity) is not None


@pytest.mark.parametrize("changed", ["active", "challenger"])
def test_evidence_begins_anew_when_the_configuration_of_either_changes(changed, entity, both, run_of, session):
    nights(session, entity, both, 20, -0.3)
    challenger = challengers.open_one(session, entity)
    later = FIRST + timedelta(days=20)
    active = run_of(entity, later, max_features=3, min_z=4.0) if changed == "active" else both[0]
    live = run_of(entity, later, challenger.challenger_id, max_features=4, min_z=4.0)
    nights(session, entity, (active, live), 3, 0.0, start=later)

    found = of(session, entity)
    assert found.lift.nights == 3
    assert found.verdict.standing is Standing.WATCHING


def test_a_challenger_with_the_same_values_as_one_before_begins_anew(entity, both, run_of, session):
    nights(session, entity, both, 20, 0.3)
    challengers.drop(session, entity.entity_code, "ana", ["later"])
    again = challengers.challenge(session, entity.entity_code, 0.2, {"max_features": "4"}, "ana")
    later = FIRST + timedelta(days=20)
    live = run_of(entity, later, again.challenger_id, max_features=4)
    nights(session, entity, (both[0], live), 4, 0.3, start=later)

    assert of(session, entity).lift.nights == 3


def test_an_open_challenger_changes_nothing_of_what_the_holdback_tells(entity, both, session):
    nights(session, entity, both, 6, 0.3)

    found = live_policy(session, session.get_one(Entity, entity.entity_id))
    assert len(found.days) == 12
    assert {day.arm for day in found.days} == {"treated", "control"}
