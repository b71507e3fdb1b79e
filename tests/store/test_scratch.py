"""Who makes a run again reaches neither the rows of the real catalog nor objects other than its own."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.redirected import redirected
from rtb_optimizer.store.row_copies import copied, differing, own_catalog
from rtb_optimizer.store.schema import Entity, EntityConfig
from rtb_optimizer.store.scratch_objects import ScratchObjects


@pytest.fixture
def own(add_entity, session):
    """A catalog of the one entity's row alone."""
    add_entity()
    engine = own_catalog(
        {
            "opt_entities": [
                *copied(session, Entity),
            ]
        }
    )
    yield engine
    engine.dispose()


def test_a_catalog_of_copies_has_these_rows_alone_and_changes_no_other(own, session):
    with redirected(own, None), connections.session() as scratch:
        entity = entities.find(scratch, "drugs_com")
        assert scratch.scalar(select(func.count()).select_from(EntityConfig)) == 0
        entity.entity_name = "changed"
        scratch.add(
            Entity(
                **{name: getattr(entity, name) for name in ("opt_id", "object_id", "object_type")}
                | {"entity_code": "new", "entity_name": "New", "current_version_id": 1, "s3_base_path": "s3://rtb/new"}
            )
        )
        scratch.commit()
        assert scratch.scalar(select(func.max(Entity.entity_id))) == entity.entity_id + 1

    assert [(each.entity_code, each.entity_name) for each in session.scalars(select(Entity))] == [
        ("drugs_com", "Drugs_Com")
    ]


def test_a_connection_that_is_lost_leads_to_no_table_at_all(own):
    with Session(own) as scratch:
        scratch.connection().invalidate()
        scratch.rollback()
        with pytest.raises(ProgrammingError, match='relation "opt_entities" does not exist'):
            scratch.scalars(select(Entity)).all()


def test_two_sessions_at_once_are_refused_since_they_would_share_a_transaction(own):
    with Session(own) as one, Session(own) as other:
        one.connection()
        with pytest.raises(PoolTimeout):
            other.connection()


def test_differences_of_rows_are_told_by_their_names():
    then = [{"key": "a", "value": 1, "of": {"x": 1, "y": 2}}, {"key": "b", "value": 2}]
    now = [{"key": "a", "value": 1, "of": {"x": 1, "y": 3}}, {"key": "c", "value": 2, "id": 7}]

    assert differing(then, now, ["key"], ["id"]) == ["a of: y was 2, is 3", "b is gone", "c is new"]


def test_objects_of_the_run_are_kept_elsewhere_and_no_others_are_written(folder):
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    real = ObjectStore.of(folder)
    real.put_once(f"{prefix}/runs/x/a", b"published")
    real.put_once(f"{prefix}/logs/b", b"log")
    kept, moved = (
        {(bucket, f"{prefix}/runs/x/"): (bucket, f"{prefix}/kept/")},
        {(bucket, f"{prefix}/old/"): (bucket, f"{prefix}/logs/")},
    )
    scratch = ObjectStore(ScratchObjects(connections.s3_client(), kept, moved), bucket)

    assert scratch.stored(f"{prefix}/runs/x/a") is None
    assert scratch.put_once(f"{prefix}/runs/x/a", b"again").key == f"{prefix}/runs/x/a"
    assert scratch.put_once(f"{prefix}/runs/x/a", b"twice").byte_size == len(b"again")
    assert [each.key for each in scratch.list(f"{prefix}/runs/x/")] == [f"{prefix}/runs/x/a"]
    assert real.read(f"{prefix}/runs/x/a") == b"published"
    assert real.read(f"{prefix}/kept/a") == b"again"
    assert (scratch.read(f"{prefix}/old/b"), scratch.read(f"{prefix}/logs/b")) == (b"log", b"log")
    for forbidden in (f"{prefix}/logs/c", f"{prefix}/active.json", f"{prefix}/runs/y/a"):
        with pytest.raises(StoreFailed, match="is none of the run's objects: a rebuild writes no others"):
            scratch.put_once(forbidden, b"x")
    with pytest.raises(StoreFailed, match="a rebuild deletes nothing"):
        scratch.delete([f"{prefix}/logs/b"])
