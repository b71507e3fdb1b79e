"""What a catalog holds of keys that earlier releases had goes with a word when it is seeded."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.core.config.retired import RETIRED
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import activation, challenger_runs, challengers, configs, retirement, seeds
from rtb_optimizer.store.schema import (
    Challenger,
    Entity,
    EntityConfig,
    EntityConfigChange,
    Run,
    RunDecision,
    VersionConfig,
)

DAY = date(2026, 3, 10)
OLD = "min_interaction_z"


@pytest.fixture
def update(session):
    """Seed the catalog as an update does; returns the lines that it prints."""

    def run():
        lines = retirement.retire(session, seeds.seed(session))
        session.commit()
        return lines

    return run


@pytest.fixture
def declare(session):
    """Declare a key as the release before did."""

    def run(entity, key=OLD):
        fields = {"config_section": "Selection", "display_name": "Old", "data_type": "float", "default_value": "3"}
        session.add(VersionConfig(version_id=entity.current_version_id, config_key=key, **fields))
        session.commit()

    return run


@pytest.fixture
def challenged(add_entity, make_run, declare, session):
    """An entity whose open challenger of the release before has a live run; called with its overrides."""

    def run(**overrides):
        entity = add_entity()
        declare(entity)
        active = make_run(entity, data_end=DAY).run_id
        activation.complete_and_decide(session, active, 1, [], allow_older=False)
        challenger = Challenger(entity_id=entity.entity_id, share=0.1, overrides=overrides, created_by="ana")
        session.add(challenger)
        session.commit()
        live = make_run(entity, data_end=DAY, challenger_id=challenger.challenger_id).run_id
        challenger_runs.complete(session, live, 1, [])
        session.commit()
        return session.get_one(Entity, entity.entity_id), challenger, live

    return run


def last_change(session):
    change = session.scalars(select(EntityConfigChange).order_by(EntityConfigChange.id.desc()).limit(1)).one()
    return change.config_key, change.old_value, change.new_value, change.changed_by


def test_a_value_of_an_entity_goes_and_is_said(session, add_entity, declare, update):
    entity = add_entity()
    declare(entity, "max_spike")
    session.add(EntityConfig(entity_id=entity.entity_id, config_key="max_spike", config_value="5", updated_by="ana"))

    lines = update()

    assert lines == [f"drugs_com: max_spike was 5; it is no config key any more: {RETIRED['max_spike']}"]
    assert last_change(session) == ("max_spike", "5", None, "rtb seed")
    assert configs.resolve_for(session, entity).values.keys() == set(Settings.__annotations__)
    assert update() == []


def test_a_challenger_goes_on_without_it_and_its_next_night_runs(session, challenged, make_run, update):
    entity, challenger, live = challenged(**{OLD: "2.5", "max_features": "4"})

    lines = update()
    session.expire_all()
    main = session.get_one(Run, make_run(entity, data_end=DAY + timedelta(days=1)).run_id)
    main.config_snapshot = configs.frozen(session, entity, configs.resolve_for(session, entity), None, None).document()
    run = challenger_runs.create(session, main, challenger)

    number = challenger.challenger_id
    said = f"{OLD} of challenger {number} was 2.5; it is no config key any more: {RETIRED[OLD]}; "
    assert lines == [f"drugs_com: {said}the challenger goes on with max_features=4"]
    assert (challenger.overrides, challenger.run_id, challenger.ended_at) == ({"max_features": "4"}, live, None)
    assert (run.config_snapshot["values"]["max_features"], OLD in run.config_snapshot["values"]) == (4, False)
    assert last_change(session) == (f"challenger {number}: {OLD}", "2.5", None, "rtb seed")
    assert update() == []


def test_such_a_challenger_can_be_promoted(session, challenged, update):
    entity, _, live = challenged(**{OLD: "2.5", "max_features": "4"})
    update()

    challengers.promote(session, entity.entity_code, "ana", ["better"])
    session.commit()

    assert entity.active_run_id == live
    assert configs.overrides(session, entity.entity_id)["max_features"] == "4"


def test_a_challenger_of_nothing_else_is_dropped_with_the_reason(session, challenged, update):
    entity, challenger, live = challenged(**{OLD: "2.5"})

    (line,) = update()
    session.expire_all()

    said = f"{OLD} of challenger {challenger.challenger_id} was 2.5; it is no config key any more: {RETIRED[OLD]}; "
    assert line == f"drugs_com: {said}nothing is left that differs, and the challenger is dropped"
    assert (challenger.result, challenger.ended_by) == ("dropped", "rtb seed")
    assert line.endswith(challenger.reasons[0])
    decision = session.scalars(select(RunDecision).order_by(RunDecision.id.desc()).limit(1)).one()
    assert (decision.run_id, decision.decision, decision.reasons) == (live, "dropped", challenger.reasons)
    assert challengers.open_one(session, entity) is None


def test_a_challenger_that_has_ended_keeps_what_it_was(session, challenged, update):
    entity, challenger, _ = challenged(**{OLD: "2.5"})
    challengers.drop(session, entity.entity_code, "ana", ["no gain"])
    session.commit()

    assert update() == []
    assert challenger.overrides == {OLD: "2.5"}


def test_a_challenger_with_it_is_refused_by_what_holds_now(session, add_entity, make_run):
    entity = add_entity()
    activation.complete_and_decide(session, make_run(entity, data_end=DAY).run_id, 1, [], allow_older=False)

    with pytest.raises(ConfigInvalid) as refused:
        challengers.challenge(session, entity.entity_code, 0.1, {OLD: "2.5"}, "ana")

    assert list(refused.value.violations) == [
        f"{OLD}: no config key any more: {RETIRED[OLD]}; leave it out, and `rtb seed` deletes what is stored of it"
    ]


def test_no_retired_key_is_declared():
    assert not RETIRED.keys() & {key.key for key in seeds.config_keys()}
