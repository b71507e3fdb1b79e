"""An entity's configuration is validated as a whole before anything is stored."""

import pytest
from sqlalchemy import select, update

from rtb_optimizer.core.config.resolve import Origin
from rtb_optimizer.errors import ConfigInvalid, NotFound
from rtb_optimizer.store import configs
from rtb_optimizer.store.schema import EntityConfig, VersionConfig

REFUSED = [
    ({"max_features": "21"}, ["max_features", "21", "maximum of 20"]),
    ({"max_features": "many"}, ["max_features", "'many' is not an integer"]),
    ({"max_feature": "4"}, ["max_feature", "unknown config key"]),
    ({"timezone": "Mars/Olympus"}, ["timezone", "Mars/Olympus"]),
    ({"schedule": "at night"}, ["schedule", "at night", "cron"]),
    ({"macro_formats": "adx, xander"}, ["macro_formats", "'xander' is not one of", "the nearest is xandr"]),
    ({"macro_gap_policies": '{"open_rtb": "fail"}'}, ["macro_gap_policies", "'open_rtb'", "the nearest is openrtb"]),
    ({"macro_value_maps": '{"zzz": {}}'}, ["macro_value_maps", "'zzz' is not one of"]),
    ({"anchor_features": "user_id"}, ["anchor_features", "user_id", "denied_features"]),
    ({"outcome_column": ""}, ["outcome_column", "required"]),
    ({"logs_path": "/var/logs/"}, ["logs_path", "/var/logs/", "s3://"]),
    ({"macro_gap_policies": '{"adx": "guess"}'}, ["macro_gap_policies", "guess", "wildcard"]),
]


@pytest.fixture
def entity(add_entity):
    return add_entity()


def test_the_declared_keys_come_in_the_order_they_were_declared_with_all_their_limits(entity, session):
    keys = configs.declared_keys(session, entity.current_version_id)
    assert [key.key for key in keys][:3] == ["logs_path", "logs_format", "csv_columns"]
    timeout = next(key for key in keys if key.key == "freshness_timeout_minutes")
    assert (timeout.data_type, timeout.default, timeout.minimum, timeout.maximum) == ("integer", "360", 0, 2880)
    assert (timeout.section, timeout.display_name, timeout.required) == ("Logs", "Freshness timeout (minutes)", False)
    assert timeout.description
    assert keys[0].required
    assert {key.key for key in keys if key.ui_visible} >= {"max_features", "max_segments"}


def test_a_value_comes_from_the_trigger_else_the_entity_else_the_version(entity, session):
    configs.set_overrides(session, entity, {"max_features": "4", "min_z": "2"}, "ana")
    result = configs.resolve_for(session, entity, {"max_features": 3, "max_segments": None})
    assert [result.values[key] for key in ("max_features", "min_z", "max_segments")] == [3, 2.0, 20_000]
    assert [result.origins[key] for key in ("max_features", "min_z", "max_segments")] == [
        Origin.TRIGGER,
        Origin.ENTITY,
        Origin.DEFAULT,
    ]


def test_a_value_that_breaks_a_rule_is_refused_by_key_value_and_limit(entity, session):
    for values, message in REFUSED:
        with pytest.raises(ConfigInvalid) as caught:
            configs.set_overrides(session, entity, values, "ana")
        assert [words for words in message if words not in str(caught.value)] == [], values


def test_every_violation_is_reported_at_once_and_nothing_is_stored(entity, session):
    before = configs.overrides(session, entity.entity_id)
    values = {"max_features": "0", "min_z": "x", "no_such_key": "1", "max_segments": "50"}
    with pytest.raises(ConfigInvalid) as caught:
        configs.set_overrides(session, entity, values, "ana")
    assert sorted(text.split()[0] for text in caught.value.violations) == ["max_features", "min_z", "no_such_key"]
    assert configs.overrides(session, entity.entity_id) == before


def test_a_new_entity_reports_missing_and_wrong_values_together(catalog, session, base_path):
    from rtb_optimizer.store import entities

    assert catalog
    new = entities.NewEntity("new_com", "New", 1, "ssp", f"{base_path}/new", {"max_features": "0"})
    with pytest.raises(ConfigInvalid) as caught:
        entities.add(session, new, "ana")
    message = {text.split()[0] for text in caught.value.violations}
    assert message == {"max_features", "logs_path", "outcome_column", "candidate_features"}


def test_keys_that_hold_only_together_are_checked_together(entity, session):
    with pytest.raises(ConfigInvalid, match="max_features: 1 is below the 2 anchor_features"):
        configs.set_overrides(session, entity, {"max_features": "1", "anchor_features": "browser, carrier"}, "ana")
    configs.set_overrides(session, entity, {"max_features": "2", "anchor_features": "browser, carrier"}, "ana")
    with pytest.raises(ConfigInvalid, match="max_features: 1 is below"):
        configs.set_overrides(session, entity, {"max_features": "1"}, "ana")


def test_who_set_a_value_last_is_recorded(entity, session):
    configs.set_overrides(session, entity, {"min_z": "2"}, "ana")
    session.commit()
    configs.set_overrides(session, entity, {"min_z": "4"}, "ben")
    session.commit()
    rows = session.scalars(select(EntityConfig).where(EntityConfig.config_key == "min_z")).all()
    assert [(row.config_value, row.updated_by) for row in rows] == [("4", "ben")]
    first = session.scalars(select(EntityConfig).where(EntityConfig.config_key == "logs_path")).one()
    assert rows[0].updated_at > first.updated_at


def test_every_change_of_an_override_stands_in_the_history_with_who_and_what_was_before(entity, session):
    begun = len(configs.changes(session, entity.entity_id))
    configs.set_overrides(session, entity, {"min_z": "2", "dead_band": "0.1"}, "ana")
    configs.set_overrides(session, entity, {"min_z": "2", "dead_band": "0.2"}, "ben")  # min_z is as it was
    configs.unset_override(session, entity, "min_z", "cleo")
    with pytest.raises(ConfigInvalid):
        configs.set_overrides(session, entity, {"min_z": "no number"}, "dan")
    changes = configs.changes(session, entity.entity_id)[: -begun or None]
    assert [(change.changed_by, change.config_key, change.old_value, change.new_value) for change in changes] == [
        ("cleo", "min_z", "2", None),
        ("ben", "dead_band", "0.1", "0.2"),
        ("ana", "dead_band", None, "0.1"),
        ("ana", "min_z", None, "2"),
    ]


def test_an_unset_override_falls_back_to_the_default(entity, session):
    configs.set_overrides(session, entity, {"min_z": "3"}, "ana")
    configs.unset_override(session, entity, "min_z", "tester")
    assert configs.resolve_for(session, entity).values["min_z"] == 2.25
    with pytest.raises(NotFound, match="drugs_com does not override 'min_z'"):
        configs.unset_override(session, entity, "min_z", "tester")


def test_a_required_override_without_a_default_cannot_be_unset(entity, session):
    with pytest.raises(ConfigInvalid, match="logs_path: a value is required"):
        configs.unset_override(session, entity, "logs_path", "tester")
    assert configs.resolve_for(session, entity).values["logs_path"]


def test_an_override_that_a_version_no_longer_declares_can_be_unset(entity, session):
    configs.set_overrides(session, entity, {"min_z": "2"}, "ana")
    session.execute(update(VersionConfig).where(VersionConfig.config_key == "min_z").values(config_key="least_z"))
    with pytest.raises(ConfigInvalid, match=r"min_z \(entity\): unknown config key"):
        configs.resolve_for(session, entity)
    configs.unset_override(session, entity, "min_z", "tester")
    assert "min_z" not in configs.overrides(session, entity.entity_id)


def test_overrides_of_one_entity_are_not_another_s(entity, add_entity, session):
    other = add_entity("other_com", min_z="9")
    assert configs.resolve_for(session, entity).values["min_z"] == 2.25
    assert configs.resolve_for(session, other).values["min_z"] == 9.0


def test_keys_are_set_and_set_back_in_one_go_and_checked_together(entity, session):
    configs.set_overrides(session, entity, {"objective": "value", "min_z": "2"}, "ana")
    with pytest.raises(ConfigInvalid, match="value_column: required when objective is value"):
        configs.set_overrides(session, entity, {"value_column": None}, "ben")
    configs.set_overrides(session, entity, {"value_column": None, "objective": None, "dead_band": "0.1"}, "ben")
    now = configs.overrides(session, entity.entity_id)
    assert now.items() >= {"min_z": "2", "dead_band": "0.1"}.items()
    assert now.keys().isdisjoint({"value_column", "objective"})
    changes = configs.changes(session, entity.entity_id)[:3]
    assert [(line.config_key, line.old_value, line.new_value) for line in changes] == [
        ("dead_band", None, "0.1"),
        ("objective", "value", None),
        ("value_column", "revenue", None),
    ]


def test_an_override_that_others_need_cannot_be_unset(entity, session):
    configs.set_overrides(session, entity, {"objective": "value"}, "ana")
    with pytest.raises(ConfigInvalid, match="value_column: required when objective is value"):
        configs.unset_override(session, entity, "value_column", "ben")
    assert configs.overrides(session, entity.entity_id)["value_column"] == "revenue"
