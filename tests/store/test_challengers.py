"""Challengers are opened, get runs beside the entity's own, and are promoted or dropped, each in one transaction."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.core.realized.arms import ChallengerRule
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, NotFound, PointerMoved, RunNotRunning
from rtb_optimizer.store import (
    activation,
    active_copy,
    challenger_runs,
    challengers,
    configs,
    entities,
    failures,
    history,
    policies,
    run_retention,
)
from rtb_optimizer.store.schema import Challenger, Entity, EntityConfigChange, Run, RunDecision

DAY = date(2026, 3, 10)


def finish(session, opt_run_id, gates=()):
    record = activation.complete_and_decide(session, opt_run_id, 1, gates, allow_older=False)
    session.commit()
    return record


@pytest.fixture
def entity(add_entity, make_run, session):
    """An entity with two runs that were active, the second is."""
    entity = add_entity()
    for day in (DAY - timedelta(days=1), DAY):
        finish(session, make_run(entity, data_end=day).run_id)
    return session.get_one(Entity, entity.entity_id)


@pytest.fixture
def challenge(session):
    """Open a challenger of an entity."""

    def make(entity, share=0.1, **overrides):
        opened = challengers.challenge(session, entity.entity_code, share, overrides or {"max_features": "4"}, "ana")
        session.commit()
        return opened

    return make


@pytest.fixture
def live(entity, challenge, make_run, session):
    """An open challenger whose run of tonight is live; returns it and the run."""
    challenger = challenge(entity)
    run_id = make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id
    challenger_runs.complete(session, run_id, 1, [])
    session.commit()
    return challenger, run_id


def decisions(session, entity):
    rows = session.scalars(select(RunDecision).where(RunDecision.entity_id == entity.entity_id))
    return [(row.run_id, row.decision) for row in sorted(rows, key=lambda row: row.decision_number)]


REFUSED = {
    "nothing to try": ({}, 0.1, {}, "at least one value"),
    "a share of none": ({"max_features": "4"}, 0.0, {}, "share: 0 is no share"),
    "a share of all": ({"max_features": "4"}, 1.0, {}, "share: 1 is no share"),
    "nothing left beside the holdback": ({"max_features": "4"}, 0.6, {"holdback_share": "0.4"}, "leave no request"),
    "another outcome": ({"outcome_column": "view"}, 0.1, {}, "outcome_column: a challenger cannot override it"),
    "other rows": ({"row_filter": '{"a": ["b"]}'}, 0.1, {}, "row_filter: a challenger cannot override it"),
    "another window": ({"lookback_days": "2"}, 0.1, {}, "lookback_days: a challenger cannot override it"),
    "another holdback": ({"holdback_share": "0.2"}, 0.1, {}, "holdback_share: a challenger cannot override it"),
    "a key there is not": ({"max_feature": "4"}, 0.1, {}, "max_features"),
    "a value out of range": ({"max_features": "-4"}, 0.1, {}, "max_features"),
    "the value it has": ({"max_features": "5"}, 0.1, {"max_features": "5"}, "is its value already"),
    "no id to draw by": ({"max_features": "4"}, 0.1, {"row_id_columns": ""}, "which id draws the arm"),
    "tables nobody reads": ({"max_features": "4"}, 0.1, {"bids_follow_tables": "false"}, "nobody reads the tables"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_challenger_that_could_not_be_compared_is_refused(case, add_entity, make_run, session):
    overrides, share, config, why = REFUSED[case]
    entity = add_entity(**config)
    finish(session, make_run(entity).run_id)

    with pytest.raises(ConfigInvalid, match=why):
        challengers.challenge(session, entity.entity_code, share, overrides, "ana")


def test_only_an_active_entity_with_an_active_run_and_no_challenger_can_be_challenged(
    add_entity, entity, challenge, session
):
    add_entity("fresh")
    with pytest.raises(EntityInvalid, match="has no active run"):
        challengers.challenge(session, "fresh", 0.1, {"max_features": "4"}, "ana")
    challenge(entity)
    with pytest.raises(EntityInvalid, match="has a challenger already, max_features=4 on 10% of the requests"):
        challenge(entity, max_features="3")
    entities.set_status(session, "fresh", "paused", "ana")
    with pytest.raises(EntityInvalid, match="is paused"):
        challengers.challenge(session, "fresh", 0.1, {"max_features": "4"}, "ana")


def test_a_dropped_challenger_makes_room_for_the_next(entity, live, challenge, session):
    challenger, run_id = live
    challengers.drop(session, entity.entity_code, "ana", ["no gain"])
    session.commit()

    assert (challenger.result, challenger.ended_by, challenger.reasons) == ("dropped", "ana", ["no gain"])
    assert decisions(session, entity)[-1] == (run_id, "dropped")
    assert challenge(entity, max_features="3").challenger_id != challenger.challenger_id


DUE = {
    "tonight's run": ({"data_end": DAY + timedelta(days=1)}, True),
    "another run of the same window": ({"data_end": DAY}, True),
    "a backfill of an older window": ({"data_end": DAY - timedelta(days=1)}, False),
    "a what-if run": ({"data_end": DAY + timedelta(days=1), "is_sandbox": True}, False),
}


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("case", DUE)
def test_a_challenger_has_a_run_beside(case, entity, make_run, session):
    of, is_due = DUE[case]
    main = make_run(entity, **of)

    assert (challenger_runs.due(session, main) is not None) is is_due


@pytest.mark.usefixtures("live")
def test_beside_a_run_with_values_of_its_own_there_is_none(entity, make_run, session):
    main = session.get_one(Run, make_run(entity, data_end=DAY).run_id)
    main.config_snapshot = {"values": {"max_features": 3}, "origins": {"max_features": "trigger"}}

    assert challenger_runs.due(session, main) is None


@pytest.mark.usefixtures("live")
def test_a_paused_entity_and_one_without_an_active_run_have_none(entity, make_run, session):
    main = make_run(entity, data_end=DAY)
    entities.set_status(session, entity.entity_code, "paused", "ana")
    assert challenger_runs.due(session, main) is None

    entities.set_status(session, entity.entity_code, "active", "ana")
    entity.active_run_id = None
    assert challenger_runs.due(session, main) is None


def test_its_run_goes_by_the_same_window_and_the_other_values_and_moves_from_its_own(
    entity, live, request_run, session
):
    from rtb_optimizer.steps.create_run import create_run

    challenger, last = live
    main = session.get_one(
        Run, create_run(request_run(dag_run_id="tonight", data_start="2026-03-09", data_end="2026-03-10"))
    )
    own = challenger_runs.create(session, main, challenger)
    again = challenger_runs.create(session, main, challenger)

    assert again.run_id == own.run_id
    assert (own.data_start, own.data_end, own.airflow_run_id) == (main.data_start, main.data_end, main.airflow_run_id)
    assert own.run_code != main.run_code
    snapshot, of_main = own.config_snapshot, main.config_snapshot
    assert snapshot["values"] == {**of_main["values"], "max_features": 4}
    assert snapshot["bids"] == of_main["bids"]
    assert snapshot["active_run_id"] == last
    assert snapshot["challenge"] == {
        "challenger_id": challenger.challenger_id,
        "share": 0.1,
        "beside_run_id": entity.active_run_id,
    }
    assert policies.policy_of(own) != policies.policy_of(main)


COMPLETED = {
    "passes": ([], lambda *_: None, "challenging"),
    "fails a gate": (["a gate"], lambda *_: None, "held"),
    "was dropped meanwhile": ([], lambda session, code: challengers.drop(session, code, "ana", ["x"]), "held"),
    "was paused meanwhile": ([], lambda session, code: entities.set_status(session, code, "paused", "ana"), "held"),
}


@pytest.mark.parametrize("case", COMPLETED)
def test_its_run_is_live_when_it(case, entity, live, make_run, session):
    gates, meanwhile, decision = COMPLETED[case]
    challenger, before = live
    run_id = make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id
    meanwhile(session, entity.entity_code)
    record = challenger_runs.complete(session, run_id, 1, gates)
    session.commit()

    assert record.decision == decision
    assert challenger.run_id == (run_id if decision == "challenging" else before)
    assert challenger_runs.complete(session, run_id, 1, gates).decision == decision  # however often it is tried
    assert entity.active_run_id != run_id


def test_an_older_run_that_finishes_late_does_not_replace_a_newer_one(entity, live, make_run, session):
    challenger, _ = live
    older, newer = (make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id for _ in range(2))

    assert challenger_runs.complete(session, newer, 1, []).decision == "challenging"
    assert challenger_runs.complete(session, older, 1, []).decision == "superseded"
    assert challenger.run_id == newer


def test_an_orphan_brings_no_run_of_a_challenger_live(entity, live, make_run, session):
    challenger, _ = live
    run_id = make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id
    failures.fail_run(session, run_id, "swept")

    with pytest.raises(RunNotRunning):
        challenger_runs.complete(session, run_id, 1, [])


def test_promoted_its_values_are_the_entity_s_own_and_its_run_is_active(entity, live, make_run, session):
    challenger, run_id = live
    before, running = entity.active_run_id, make_run(entity, data_end=DAY + timedelta(days=1)).run_id
    record = challengers.promote(session, entity.entity_code, "ana", ["better"])
    session.commit()

    assert (record.decision, record.opt_run_id, record.from_run_id) == ("promoted", run_id, before)
    assert entity.active_run_id == run_id
    assert configs.overrides(session, entity.entity_id)["max_features"] == "4"
    change = session.scalars(select(EntityConfigChange).order_by(EntityConfigChange.id.desc()).limit(1)).one()
    assert (change.config_key, change.new_value, change.changed_by) == ("max_features", "4", "ana")
    assert (challenger.result, challenger.ended_by) == ("promoted", "ana")
    assert history.last_move(session, entity).decision == "promoted"
    assert activation.active_before(session, entity) == before
    held = finish(session, running)  # its configuration is the one before
    assert (held.decision, held.reasons) == (
        "held",
        (f"challenger {challenger.challenger_id} was promoted while this run ran",),
    )
    assert finish(session, make_run(entity, data_end=DAY + timedelta(days=1)).run_id).decision == "activated"


def test_a_promotion_is_undone_by_a_roll_back(entity, live, session):
    before = entity.active_run_id
    challengers.promote(session, entity.entity_code, "ana", ["better"])
    session.commit()
    activation.roll_back(session, entity.entity_code, "ana", "worse after all")

    assert entity.active_run_id == before
    activation.activate_manually(session, live[1], "ana", "better, it was")  # it is a run like any other now
    assert entity.active_run_id == live[1]


def test_a_challenger_without_a_run_is_not_promoted(entity, challenge, session):
    with pytest.raises(NotFound, match="has no challenger"):
        challengers.promote(session, entity.entity_code, "ana", ["better"])
    challenge(entity)
    with pytest.raises(EntityInvalid, match="has no live run yet"):
        challengers.promote(session, entity.entity_code, "ana", ["better"])


def test_what_was_decided_on_another_challenger_changes_nothing(entity, live, session):
    for end in (challengers.promote, challengers.drop):
        with pytest.raises(PointerMoved):
            end(session, entity.entity_code, "ana", ["better"], live[0].challenger_id + 1)
        session.rollback()
    assert session.scalars(select(Challenger)).one().ended_at is None


@pytest.mark.parametrize("how", ["activate", "roll back"])
def test_its_run_is_not_made_active_past_the_challenger(how, entity, live, session):
    acts = {
        "activate": lambda: activation.activate_manually(session, live[1], "ana", "x"),
        "roll back": lambda: activation.roll_back(session, entity.entity_code, "ana", "x", to=live[1]),
    }
    with pytest.raises(EntityInvalid, match="active only when it is promoted"):
        acts[how]()


def test_a_roll_back_and_a_policy_that_stands_down_leave_the_challenger_open(entity, live, session):
    activation.roll_back(session, entity.entity_code, "ana", "bad")
    session.commit()
    assert challengers.open_one(session, entity).run_id == live[1]
    read = json.loads(active_copy.content(session, entity))
    assert read["challenger"]["run_id"] == live[1]

    policy = policies.policy_of(session.get_one(Run, entity.active_run_id))
    activation.stand_down(session, entity.entity_code, policy, ["a loss"], lambda _: True)
    session.commit()
    assert entity.active_run_id is None
    assert challengers.open_one(session, entity).run_id == live[1]
    assert "challenger" not in json.loads(active_copy.content(session, entity))  # live beside an active run alone


def test_readers_find_the_table_of_the_challenger_and_the_rule_of_its_share(entity, live, session):
    challenger, run_id = live
    run = session.get_one(Run, run_id)
    run.config_snapshot = {"values": {"row_id_columns": ["auction_id"]}}
    session.flush()
    found = json.loads(active_copy.content(session, entity))["challenger"]

    assert (found["run_id"], found["run_code"]) == (run_id, run.run_code)
    rule = ChallengerRule(0.1, "auction_id", "drugs_com:")
    assert found["rule"] == {
        "share": 0.1,
        "id_column": "auction_id",
        "salt": "drugs_com:",
        "hash": "md5",
        "from": rule.starts_at,
    }
    assert challenger.share == found["rule"]["share"]


def test_retention_sees_that_a_run_is_a_challenger_s(entity, live, session):
    found = {run.opt_run_id: run.is_challenger for run in run_retention.past_runs(session, entity)}

    assert [run_id for run_id, of in found.items() if of] == [live[1]]
