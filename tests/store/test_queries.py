"""The queries of the command line return the content of the catalog."""

import json
from datetime import date

import pytest
from sqlalchemy import delete, select, update

from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.errors import NotFound
from rtb_optimizer.store import activation, configs, connections, queries, runs
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.store.schema import EntityConfig, Run


@pytest.fixture
def entity(add_entity):
    return add_entity()


def finish(opt_run_id, gates=()):
    with connections.session() as own:
        activation.complete_and_decide(own, opt_run_id, 3, gates, allow_older=False)
        own.commit()


def test_entities_are_listed_with_their_active_runs(entity, add_entity, make_run, session):
    add_entity("a_com")
    run = make_run(entity)
    finish(run.run_id)
    rows = queries.entity_rows(session)
    assert [(r["entity_code"], r["status"], r["version_code"], r["active_run_id"]) for r in rows] == [
        ("a_com", "active", "v3", None),
        ("drugs_com", "active", "v3", run.run_id),
    ]
    assert (rows[0]["active_run_code"], rows[0]["active_data_end"]) == (None, None)
    assert (rows[1]["active_run_code"], rows[1]["active_data_end"].date()) == (run.run_code, date(2026, 3, 10))
    assert (rows[1]["object_id"], rows[1]["object_type"]) == (1334, "ssp")


def test_every_key_is_shown_with_its_value_its_origin_and_its_limits(entity, session):
    configs.set_overrides(session, entity, {"min_z": "2.5"}, "ana")
    rows = {row["key"]: row for row in queries.config_rows(session, entity)}
    assert set(rows) == {key.key for key in configs.declared_keys(session, entity.current_version_id)}
    assert (rows["min_z"]["value"], rows["min_z"]["origin"], rows["min_z"]["updated_by"]) == (2.5, "entity", "ana")
    assert (rows["max_features"]["value"], rows["max_features"]["origin"]) == (12, "default")
    assert rows["max_features"]["updated_by"] is None
    assert (rows["max_features"]["limits"], rows["max_features"]["type"]) == ("min 1, max 20", "integer")
    assert rows["max_sample_rows"]["limits"] == "min 10,000, max 50,000,000"
    assert rows["candidate_features"]["limits"] == "min 1, max 500, required"
    assert rows["candidate_features"]["value"][0] == "internal_adspace_id"


def test_an_invalid_configuration_is_shown_as_it_is_stored(entity, session):
    where = EntityConfig.entity_id == entity.entity_id
    session.execute(delete(EntityConfig).where(where, EntityConfig.config_key == "logs_path"))
    session.execute(
        update(EntityConfig).where(where, EntityConfig.config_key == "lookback_days").values(config_value="x")
    )
    rows = {row["key"]: row for row in queries.config_rows(session, entity)}
    assert (rows["lookback_days"]["value"], rows["lookback_days"]["origin"]) == ("x", "entity")
    assert (rows["logs_path"]["value"], rows["logs_path"]["origin"]) == (None, "default")


def test_runs_are_listed_newest_first_with_the_last_decision(entity, add_entity, make_run, session):
    other = add_entity("other_com")
    first, second, held, elsewhere = make_run(entity), make_run(entity), make_run(entity), make_run(other)
    running = make_run(entity, is_sandbox=True)
    for run in (first, second, elsewhere):
        finish(run.run_id)
    finish(held.run_id, ("a gate",))
    activation.roll_back(session, "drugs_com", "ana", "bad", first.run_id)
    session.commit()

    rows = queries.run_rows(session, None, 20)
    assert [(r["run_id"], r["decision"], bool(r["is_active"])) for r in rows] == [
        (running.run_id, None, False),
        (elsewhere.run_id, "activated", True),
        (held.run_id, "held", False),
        (second.run_id, "activated", False),
        (first.run_id, "rolled_back", True),
    ]
    assert [r["run_id"] for r in queries.run_rows(session, "other_com", 20)] == [elsewhere.run_id]
    assert [r["run_id"] for r in queries.run_rows(session, None, 2)] == [running.run_id, elsewhere.run_id]
    assert {r["entity_code"] for r in rows} == {"drugs_com", "other_com"}
    assert [r["run_id"] for r in rows if r["is_sandbox"]] == [running.run_id]


def test_runs_of_an_entity_that_is_not_there_are_an_error_not_an_empty_list(entity, session):
    with pytest.raises(NotFound, match=f"no entity 'nope_com'; existing: {entity.entity_code}"):
        queries.run_rows(session, "nope_com", 20)
    assert queries.run_rows(session, entity.entity_code, 20) == []


def test_a_run_is_shown_with_all_that_was_recorded_of_it(entity, make_run, session):
    run = make_run(entity)
    runs.record_features(session, run.run_id, [Chosen("browser", 1, False, 0.25, 0.05, 0.3, 5.0, 9.0)])
    runs.record_ad_macros(session, run.run_id, {"adx": "[ADX_BROWSER]"})
    runs.record_outputs(session, run.run_id, {"segments": (StoredObject("rtb", "a/b", 5, "a" * 64), 7)})
    session.commit()
    finish(run.run_id)
    activation.activate_manually(session, _another(entity, make_run), "ana", "look")
    activation.roll_back(session, "drugs_com", "ben", "back", run.run_id)
    session.commit()

    details = queries.run_details(session, session.scalars(select(Run).where(Run.run_id == run.run_id)).one())
    assert details["features"] == [{"order": 1, "feature": "browser", "anchor": False, "signal_score": 0.25}]
    assert details["ad_macros"] == {"adx": "[ADX_BROWSER]"}
    assert details["outputs"] == [{"type": "segments", "url": "s3://rtb/a/b", "rows": 7, "bytes": 5}]
    assert [(d["decision"], d["by"], d["reasons"]) for d in details["decisions"]] == [
        ("activated", "schedule", ["first active run of the entity"]),
        ("rolled_back", "ben", ["back"]),
    ]
    assert (details["is_active"], details["entity_code"], details["status"]) == (True, "drugs_com", "succeeded")
    assert (details["total_segments"], details["config_snapshot"]) == (3, {"values": {}})
    assert json.dumps(details, default=str)


def _another(entity, make_run):
    return make_run(entity, status="succeeded").run_id
