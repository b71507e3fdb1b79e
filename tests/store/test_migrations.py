"""Migrations produce the models' schema, up and down, concurrently, and without waiting for locks."""

import os
import subprocess
import sys
import time

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from checkout import CHECKOUT
from rtb_optimizer.errors import EntityInvalid
from rtb_optimizer.store import migrate
from rtb_optimizer.store.schema import Base

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation,
       generation_expression
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
ORDER BY table_name, column_name
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
"""
MIGRATOR = "from rtb_optimizer.store import connections, migrate; migrate.upgrade(connections.catalog())"

ADVISORY_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture
def migrated(empty_engine):
    migrate.upgrade(empty_engine)
    return empty_engine


def rows(engine, query):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def tables(engine):
    return {row[0] for row in rows(engine, COLUMNS)}


def scripts():
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_up_down_and_up_again_ends_where_up_ended(empty_engine):
    assert migrate.current(empty_engine) is None
    migrate.upgrade(empty_engine)
    first = [rows(empty_engine, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)]
    assert migrate.current(empty_engine) == migrate.head()

    migrate.downgrade(empty_engine, "base")
    assert tables(empty_engine) == set()
    assert migrate.current(empty_engine) is None

    migrate.upgrade(empty_engine)
    assert [rows(empty_engine, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)] == first


def test_every_revision_can_be_undone_by_itself(empty_engine):
    for revision in reversed(list(scripts().walk_revisions())):
        before = rows(empty_engine, COLUMNS)
        migrate.upgrade(empty_engine, revision.revision)
        migrate.downgrade(empty_engine, revision.down_revision or "base")
        assert rows(empty_engine, COLUMNS) == before, revision.revision
        migrate.upgrade(empty_engine, revision.revision)


OFFENDERS = """
INSERT INTO opt_master (opt_code, opt_name) VALUES ('rtb_optimizer', 'RTB Optimizer');
INSERT INTO opt_versions (opt_id, version_code, version_name) VALUES (1, 'v3', 'V3');
INSERT INTO opt_entities (opt_id, entity_code, entity_name, object_id, object_type, current_version_id, s3_base_path,
                          status)
VALUES (1, 'a_com', 'A', 1, 'ssp', 1, 's3://rtb/a', 'active'), (1, 'b_com', 'B', 1, 'ssp', 1, 's3://rtb/a', 'paused'),
       (1, 'c_com', 'C', 1, 'ssp', 1, 's3://rtb/a/c', 'retired'),
       (1, 'd_com', 'D', 1, 'ssp', 1, 's3://rtb/d', 'active'),
       (1, 'e_com', 'E', 1, 'ssp', 1, 's3://rtb/./e', 'active');
"""


def test_base_paths_that_are_shared_by_now_are_named_before_they_are_refused(empty_engine):
    migrate.upgrade(empty_engine, "0006")
    with empty_engine.begin() as connection:
        connection.execute(text(OFFENDERS))
    with pytest.raises(EntityInvalid) as refused:
        migrate.upgrade(empty_engine)
    for named in (
        "a_com (s3://rtb/a) and b_com (s3://rtb/a)",
        "a_com (s3://rtb/a) and c_com (s3://rtb/a/c, removed)",
        "e_com (s3://rtb/./e)",
        "UPDATE opt_entities SET s3_base_path",
    ):
        assert named in str(refused.value)
    assert "d_com" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert migrate.current(empty_engine) == "0006"
    with empty_engine.begin() as connection:
        move = "UPDATE opt_entities SET s3_base_path = 's3://rtb/' || entity_code"
        connection.execute(text(move))
    migrate.upgrade(empty_engine)
    assert migrate.current(empty_engine) == migrate.head()


def test_the_history_has_one_head():
    assert scripts().get_heads() == [migrate.head()]


def test_alembic_finds_no_difference_between_models_and_database(migrated):
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("query", [COLUMNS, CONSTRAINTS, INDEXES], ids=["columns", "constraints", "indexes"])
def test_the_migrations_build_what_the_models_would_build(migrated, new_database, query):
    modelled = create_engine(new_database().replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    Base.metadata.create_all(modelled)
    result = rows(migrated, query)
    assert result == rows(modelled, query)
    assert {row[0] for row in result} == set(Base.metadata.tables) if query is not INDEXES else result


def test_migrating_twice_changes_nothing(migrated):
    before = rows(migrated, CONSTRAINTS)
    migrate.upgrade(migrated)
    assert rows(migrated, CONSTRAINTS) == before


def test_starters_that_migrate_at_once_all_succeed(empty_engine):
    """Processes, as two hosts of a deployment would be."""
    url = empty_engine.url.render_as_string(hide_password=False)
    surroundings = os.environ | {"AIRFLOW_CONN_RTB_CATALOG": url, "PYTHONPATH": "include"}
    command = [sys.executable, "-c", MIGRATOR]
    started = [
        subprocess.Popen(command, env=surroundings, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    assert migrate.current(empty_engine) == migrate.head()
    assert tables(empty_engine) == set(Base.metadata.tables)


def test_a_migrator_waits_for_the_one_that_is_at_it(empty_engine, at_once):
    """Past lock_timeout, which must not count here: a first start may take longer than that."""
    url = empty_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('rtb_optimizer.migrate'))")

        def act(who):
            if who == "migrator":
                migrate.upgrade(empty_engine)
                return time.monotonic()
            time.sleep(4.5)
            assert migrate.current(empty_engine) is None
            released = time.monotonic()
            other.execute("SELECT pg_advisory_unlock_all()")
            return released

        done, released = at_once(act, ["migrator", "holder"])
    assert done > released
    assert migrate.current(empty_engine) == migrate.head()


def test_a_migration_that_meets_a_lock_gives_up_and_can_be_run_again(migrated):
    url = migrated.url.render_as_string(hide_password=False).replace("+psycopg", "")
    pooled = create_engine(migrated.url, pool_size=1, max_overflow=0)
    before = rows(migrated, COLUMNS)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE opt_entities, opt_runs, opt_run_alerts IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate.downgrade(pooled, "base")
        assert time.monotonic() - started < 10
    assert rows(migrated, COLUMNS) == before
    assert migrate.current(migrated) == migrate.head()

    # A pool keeps the connection: what the migration had set must not stay on it.
    assert rows(migrated, ADVISORY_LOCKS) == [(0,)]
    assert rows(pooled, "SHOW lock_timeout") == [("0",)]
    assert rows(pooled, "SHOW statement_timeout") == [("0",)]
    migrate.downgrade(pooled, "base")
    assert tables(migrated) == set()
    pooled.dispose()
