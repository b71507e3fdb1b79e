"""Entities are validated when added; their status and its history."""

import re

import pytest
from sqlalchemy import select, update

from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, NotFound
from rtb_optimizer.store import configs, connections, entities
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.schema import Entity, EntityConfig, Optimizer, Version

CONFIG = {"logs_path": "s3://lake/logs/", "outcome_column": "click", "candidate_features": "browser"}


def new(code="new_com", path=None, **config):
    return NewEntity(code, "New", 7, "ssp", path or f"s3://rtb/{code.removesuffix('_com')}", CONFIG | config)


def test_an_entity_is_added_with_its_configuration_under_the_active_version(session):
    added = entities.add(session, new(path="s3://rtb/new/"), "ana")
    session.commit()
    result = entities.find(session, "new_com")
    assert result.entity_id == added.entity_id
    assert (result.object_id, result.object_type, result.status, result.active_run_id) == (7, "ssp", "active", None)
    assert result.s3_base_path == "s3://rtb/new"
    assert session.get_one(Version, result.current_version_id).version_code == "v3"
    rows = session.scalars(select(EntityConfig).where(EntityConfig.entity_id == result.entity_id)).all()
    assert {row.config_key: row.config_value for row in rows} == CONFIG
    assert {row.updated_by for row in rows} == {"ana"}


def test_codes_and_paths_that_the_catalog_refuses_are_reported_before_it_does(session):
    """In one line that shows how it is written; the database has the same rules."""
    for code in ("Drugs.com", "drugs-com", "_drugs", "", "a" * 64, "drugs com", "drügs", "a\n"):
        with pytest.raises(EntityInvalid, match="for example drugs_com"):
            entities.add(session, new(code=code), "ana")
    for path in (
        "rtb/new",
        "https://rtb/new",
        "s3://",
        "s3://r",
        "s3://rtb/a b",
        "s3://rtb/../x",
        "s3://rtb//x",
        "s3://RTB/x",
        "S3://rtb/x",
        "s3://rtb/.",
        "s3://rtb/./x",
        "s3://rtb/x/.",
    ):
        with pytest.raises(EntityInvalid, match="s3://bucket/path"):
            entities.add(session, new(path=path), "ana")
    assert session.scalars(select(Entity)).all() == []


@pytest.mark.parametrize("status", ["active", "retired"])
@pytest.mark.parametrize("path", ["s3://rtb/new", "s3://rtb/new/", "s3://rtb/new/inner", "s3://rtb"])
def test_a_base_path_is_of_one_entity_with_all_that_is_below_it(session, path, status):
    entities.add(session, new(), "ana")
    entities.set_status(session, "new_com", status, "ana")
    session.commit()
    removed = " (removed)" if status == "retired" else ""
    expected = f"s3_base_path {path.rstrip('/')!r}: entity 'new_com'{removed} has s3://rtb/new, and "
    with pytest.raises(EntityInvalid, match=re.escape(expected)):
        entities.add(session, new("other_com", path), "ana")
    session.rollback()
    assert entities.add(session, new("other_com", "s3://rtb/new_2"), "ana")


def test_of_two_that_take_overlapping_base_paths_at_once_one_gets_it(session, at_once):
    """The second waits for the first one's commit in the database: no read before can know of it."""
    paths = {"a_com": "s3://rtb/new", "b_com": "s3://rtb/new/inner", "c_com": "s3://rtb/new", "d_com": "s3://rtb"}

    def add(code):
        with connections.session() as own:
            try:
                entities.add(own, new(code, paths[code]), "ana")
                own.commit()
            except EntityInvalid as refused:
                return str(refused)
        return ""

    answers = at_once(add, [*paths])
    assert sorted(map(bool, answers)) == [False, True, True, True]
    assert all("s3_base_path" in answer for answer in answers if answer)
    assert len(session.scalars(select(Entity)).all()) == 1


def test_an_entity_with_a_wrong_configuration_is_not_added(session):
    with pytest.raises(ConfigInvalid, match="max_features"):
        entities.add(session, new(max_features="0"), "ana")
    session.rollback()
    with pytest.raises(NotFound, match="no entity 'new_com'; existing: none"):
        entities.find(session, "new_com")


def test_a_code_is_taken_once_and_stays_taken_when_removed(session):
    entities.add(session, new(), "ana")
    entities.set_status(session, "new_com", "retired", "ana")
    with pytest.raises(EntityInvalid, match=r"'new_com' already exists; `entities resume`"):
        entities.add(session, new(), "ana")


def test_who_changed_the_status_stands_in_the_history_and_a_status_that_stays_does_not(session):
    entity = entities.add(session, new(), "ana")
    before = len(configs.changes(session, entity.entity_id))
    for status, by in (("paused", "bob"), ("paused", "eve"), ("active", "eve")):
        entities.set_status(session, "new_com", status, by)
    session.flush()
    changes = configs.changes(session, entity.entity_id)[:-before]
    assert [(line.changed_by, line.config_key, line.old_value, line.new_value) for line in changes] == [
        ("eve", "status", "paused", "active"),
        ("bob", "status", "active", "paused"),
    ]


def test_a_name_that_does_not_exist_is_reported_with_those_that_do(session):
    for code in ("b_com", "a_com"):
        entities.add(session, new(code), "ana")
    with pytest.raises(NotFound, match="no entity 'c_com'; existing: a_com, b_com"):
        entities.find(session, "c_com")


def test_every_entity_is_listed_by_code_the_retired_too(session):
    for code in ("b_com", "a_com", "c_com"):
        entities.add(session, new(code), "ana")
    entities.set_status(session, "c_com", "retired", "ana")
    assert [entity.entity_code for entity in entities.all_entities(session)] == ["a_com", "b_com", "c_com"]


def test_the_newest_active_version_is_taken_or_the_one_that_is_named(session):
    optimizer = session.scalars(select(Optimizer)).one()
    for code, status in (("v4", "active"), ("v5", "draft")):
        session.add(Version(opt_id=optimizer.opt_id, version_code=code, version_name=code, status=status))
    session.flush()
    with pytest.raises(ConfigInvalid, match="unknown config key"):
        entities.add(session, new(), "ana")  # v4 declares no key
    session.expunge_all()
    session.rollback()
    session.add(Version(opt_id=optimizer.opt_id, version_code="v5", version_name="x", status="draft"))
    session.flush()
    assert entities.add(session, new(), "ana", "v3").entity_code == "new_com"
    with pytest.raises(NotFound, match="no active version v5"):
        entities.add(session, new("b_com"), "ana", "v5")


def test_without_a_seed_or_an_active_version_the_fix_is_named(session):
    session.execute(update(Version).values(status="retired"))
    with pytest.raises(NotFound, match="no active version"):
        entities.add(session, new(), "ana")
    session.execute(update(Optimizer).values(opt_code="other"))
    with pytest.raises(NotFound, match="python -m rtb_optimizer seed"):
        entities.add(session, new(), "ana")


def test_a_locked_entity_is_read_as_it_is_now_not_as_it_was_read_before(add_entity, session):
    add_entity()
    before = entities.find(session, "drugs_com")
    session.commit()
    with connections.session() as other:
        entities.set_status(other, "drugs_com", "paused", "ana")
        other.commit()
    assert before.status == "active"
    assert entities.find(session, "drugs_com", lock=True).status == "paused"
