"""The DAG list contains the active entities, and an invalid entity does not affect the others."""

import json
import re

import pytest
from sqlalchemy import delete, update

from rtb_optimizer.store import configs, dag_list, dag_list_export, entities
from rtb_optimizer.store.schema import EntityConfig, Optimizer, Version


@pytest.fixture
def codes(session):
    return lambda: [entry["entity_code"] for entry in dag_list_export.build(session)["entities"]]


def test_an_entity_is_exported_with_what_its_dag_needs(add_entity, session):
    entity = add_entity(max_features="4")
    document = dag_list_export.build(session)
    version = str(entity.current_version_id)
    assert document["entities"] == [
        {
            "opt_code": "rtb_optimizer",
            "entity_code": "drugs_com",
            "entity_name": "Drugs_Com",
            "object_type": "ssp",
            "version_code": "v3",
            "form": version,
            "schedule": dag_list_export.spread_schedule("drugs_com"),
            "timezone": "UTC",
        }
    ]
    assert document["format"] == dag_list.FORMAT
    assert list(document["forms"]) == [version]


def test_a_form_has_the_visible_keys_with_their_limits_and_the_version_s_defaults(add_entity, session):
    entity = add_entity(max_features="4")
    form = dag_list_export.build(session)["forms"][str(entity.current_version_id)]
    fields = {field["key"]: field for field in form}
    visible = {key.key for key in configs.declared_keys(session, entity.current_version_id) if key.ui_visible}
    assert set(fields) == visible
    assert fields["max_features"] == {
        "key": "max_features",
        "type": "integer",
        "title": "Maximum features",
        "section": "Selection",
        "description": "Selection stops at this number, anchors included.",
        "default": "12",
        "minimum": 1,
        "maximum": 20,
        "choices": [],
    }


def test_values_of_an_entity_s_configuration_stay_out(add_entity, session):
    add_entity(logs_path="s3://secret-lake/logs/")
    assert "secret-lake" not in json.dumps(dag_list_export.build(session))


def test_only_active_entities_are_exported_by_code(add_entity, session, codes):
    for code in ("b_com", "a_com", "paused_com", "retired_com"):
        add_entity(code)
    for status in ("paused", "retired"):
        entities.set_status(session, f"{status}_com", status, "ana")
    assert codes() == ["a_com", "b_com"]


@pytest.mark.parametrize("table", [Optimizer, Version])
def test_without_an_active_optimizer_or_version_nothing_is_exported(add_entity, session, codes, table):
    add_entity()
    session.execute(update(table).values(status="retired"))
    assert codes() == []
    assert dag_list_export.build(session)["forms"] == {}


def test_an_entity_s_own_schedule_and_time_zone_are_exported(add_entity, session):
    add_entity(schedule="30 1 * * *", timezone="Europe/Berlin")
    (entry,) = dag_list_export.build(session)["entities"]
    assert (entry["schedule"], entry["timezone"]) == ("30 1 * * *", "Europe/Berlin")


def test_an_entity_with_an_invalid_configuration_is_exported_beside_the_others(add_entity, session, codes):
    broken = add_entity("broken_com")
    add_entity("fine_com", timezone="Europe/Berlin")
    rows = EntityConfig.entity_id == broken.entity_id
    session.execute(delete(EntityConfig).where(rows, EntityConfig.config_key == "logs_path"))
    session.execute(update(EntityConfig).where(rows).values(config_value="[not json"))
    assert codes() == ["broken_com", "fine_com"]
    entries = dag_list_export.build(session)["entities"]
    assert [entry["schedule"] for entry in entries] == [
        dag_list_export.spread_schedule(entry["entity_code"]) for entry in entries
    ]
    assert [entry["timezone"] for entry in entries] == ["UTC", "Europe/Berlin"]


def test_schedules_are_spread_over_the_hour_and_stay_where_they_are():
    crons = [dag_list_export.spread_schedule(f"entity_{n}") for n in range(600)]
    assert [cron for cron in crons if not re.fullmatch(r"[1-5]?\d 3 \* \* \*", cron)] == []
    per_minute = [crons.count(cron) for cron in set(crons)]
    assert len(per_minute) == 60
    assert max(per_minute) < 30
    assert dag_list_export.spread_schedule("drugs_com") == "22 3 * * *"


def test_an_export_writes_the_file_and_counts_the_entities(add_entity, session, tmp_path):
    for code in ("a_com", "b_com"):
        add_entity(code)
    assert dag_list_export.export(session) == 2
    assert dag_list_export.export(session, tmp_path / "elsewhere.json") == 2
    assert (
        dag_list.load(dag_list.path()) == dag_list.load(tmp_path / "elsewhere.json") == dag_list_export.build(session)
    )
