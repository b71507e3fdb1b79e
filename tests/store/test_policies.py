"""A policy is the same through the releases of the product, as long as its table is made by the same configuration."""

import json
from datetime import date

import pytest

from rtb_optimizer.core.config.key import read_value
from rtb_optimizer.store import activation, policies, seeds
from rtb_optimizer.store.schema import Entity, Run

DAY = date(2026, 3, 10)
DEFAULTS = {key.key: None if key.default is None else read_value(key, key.default) for key in seeds.config_keys()}


def run_of(values, defaults=None, version_id=1):
    """A run whose snapshot has these values, as its row stores it."""
    stored = {"values": values} | ({"defaults": defaults} if defaults else {})
    return Run(version_id=version_id, config_snapshot=json.loads(json.dumps(stored)))


def policy(values, defaults=None, **row):
    return policies.policy_of(run_of(values, defaults, **row))


NOW = {**DEFAULTS, "max_features": 4}
RETIRED_AT_DEFAULT = ({**NOW, "min_interaction_z": 3.0}, {**DEFAULTS, "min_interaction_z": 3.0})
SAME = {
    "the snapshot of this release": (NOW, DEFAULTS),
    "a snapshot without defaults, as earlier releases wrote it": (NOW, None),
    "of before a number": ({key: value for key, value in NOW.items() if key != "joint_min_exposures"}, None),
    "of before a boolean": ({key: value for key, value in NOW.items() if key != "warm_start"}, None),
    "of before a list": ({key: value for key, value in NOW.items() if key != "allowed_leaks"}, None),
    "of before a key without a default": ({key: value for key, value in NOW.items() if key != "bid_column"}, None),
    "of before all keys but one": ({"max_features": 4}, None),
    "with a key that was retired since, at its default": RETIRED_AT_DEFAULT,
    "with keys that change no table": ({**NOW, "alert_on": [], "holdback_share": 0.2, "export_deliveries": {}}, None),
}
OTHER = {
    "another value": ({**NOW, "max_features": 5}, DEFAULTS),
    "a key of this release at another value than its default": ({**NOW, "warm_start": False}, DEFAULTS),
    "the default again": (DEFAULTS, DEFAULTS),
    "a default that was another": ({**NOW, "leak_score": 0.25}, {**DEFAULTS, "leak_score": 0.25}),
    "a key that was retired since, set": ({**NOW, "min_interaction_z": 2.0}, {**DEFAULTS, "min_interaction_z": 3.0}),
}


@pytest.mark.parametrize("case", SAME)
def test_keys_at_their_default_are_as_good_as_not_there(case):
    assert policy(*SAME[case]) == policy(NOW, DEFAULTS)


@pytest.mark.parametrize("case", OTHER)
def test_another_value_is_another_policy(case):
    assert policy(*OTHER[case]) != policy(NOW, DEFAULTS)


def test_another_version_is_another_policy():
    assert policy(NOW, version_id=2) != policy(NOW)


@pytest.mark.parametrize("key", sorted(DEFAULTS.keys() - policies.NOT_OF_THE_TABLE))
def test_each_key_of_the_table_could_be_added_by_an_update_without_a_new_policy(key):
    before = {name: value for name, value in DEFAULTS.items() if name != key}
    assert policy(before) == policy(DEFAULTS)


def test_a_policy_that_stood_down_by_the_hash_of_an_earlier_release_stays_down(add_entity, make_run, session):
    entity = session.merge(add_entity())

    def activated(values, day):
        run = session.get_one(Run, make_run(entity, data_end=day).run_id)
        run.config_snapshot = {"values": values}
        session.flush()
        return activation.complete_and_decide(session, run.run_id, 1, [], allow_older=False)

    activated({"max_features": 3}, DAY.replace(day=1))
    activated({"max_features": 4}, DAY.replace(day=2))
    stood = activation.stand_down(session, entity.entity_code, policy({"max_features": 4}), ["a loss"], lambda _: True)
    assert stood is not None
    decision = policies.last_stood_down(session, entity, policy(NOW))
    decision.harmful_policy = "0123456789ab"  # as that release hashed it
    session.commit()

    assert policies.last_stood_down(session, entity, policy(NOW)) is decision
    assert policies.harmful(session, entity) == {policy(NOW): decision}
    held = activated(NOW, DAY)
    assert (held.decision, held.reasons[0].partition(" on ")[0]) == ("held", "its policy stood down")
    assert session.get_one(Entity, entity.entity_id).active_run_id is not None
