"""The next test gets the last one's database where that is as good as a new copy, and a new copy where it is not."""

import psycopg
import pytest

from catalogs import Catalogs
from rtb_optimizer.store import connections, entities

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
MANY = """
INSERT INTO opt_entities (opt_id, entity_code, entity_name, object_id, object_type, current_version_id, s3_base_path)
SELECT 1, 'e' || n, repeat('n', 100), n, 'ssp', 1, 's3://rtb/' || n FROM generate_series(1, 9000) n
"""
LAST_IDS = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


@pytest.fixture
def own(stack, template_database):
    """Catalogs that no other test uses."""
    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
        made = Catalogs(stack.database_url, template_database, prefix="reused")
        yield made
        for number in range(1, made.copied + 1):
            server.execute(f"DROP DATABASE IF EXISTS reused_{number} WITH (FORCE)")


@pytest.fixture
def content(stack):
    """The number of rows of each table of a database, and the last id that each sequence has given."""

    def of(name):
        with psycopg.connect(stack.database_url(name)) as database:
            tables = [row[0] for row in database.execute(TABLES)]
            rows = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
            return rows, database.execute(LAST_IDS).fetchall()

    return of


@pytest.fixture
def use(own, stack):
    """Do something in a database as a test would; returns its name."""

    def used(do="SELECT 1"):
        with own.one() as name, psycopg.connect(stack.database_url(name), autocommit=True) as database:
            database.execute(do)
        return name

    return used


def test_an_entity_and_its_runs_are_gone_and_the_ids_begin_anew(
    own, content, stack, monkeypatch, template_database, add_entity
):
    for _ in range(3):
        with own.one() as name, monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_RTB_CATALOG", stack.database_url(name))
            connections.catalog.cache_clear()
            assert content(name) == content(template_database)
            with connections.session() as session:
                entity = add_entity()
                assert entity.entity_id == 1
                assert [each.entity_code for each in entities.all_entities(session)] == ["drugs_com"]
            assert content(name) != content(template_database)
            connections.catalog().dispose()
    connections.catalog.cache_clear()
    assert own.copied == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE opt_runs ALTER COLUMN airflow_run_id DROP NOT NULL",
        "ALTER TABLE opt_runs DISABLE TRIGGER ALL",
        "CREATE TABLE more (a int)",
        "CREATE SCHEMA more",
        "DROP TABLE opt_deliveries",
        "CREATE INDEX more ON opt_runs (started_at)",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON opt_runs TO PUBLIC",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "TRUNCATE opt_runs CASCADE",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 7', current_database()); END $$",
        "UPDATE opt_version_configs SET default_value = '7' WHERE config_key = 'lookback_days'",
        "DELETE FROM opt_feature_macros WHERE macro_format = 'adx'",
        "INSERT INTO opt_master (opt_code, opt_name) VALUES ('more', 'more')",
        "UPDATE alembic_version SET version_num = '9999'",
    ],
)
def test_a_database_with_other_definitions_rights_settings_or_seeds_is_dropped(own, use, change):
    first = use(change)

    assert use() != first
    assert own.copied == 2


def test_a_database_that_somebody_is_still_connected_to_is_dropped(own, use, stack, monkeypatch):
    monkeypatch.setattr("catalogs.PATIENCE_S", 0.1)
    with own.one() as first:
        left = psycopg.connect(stack.database_url(first))

    assert use() != first
    assert own.copied == 2
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")


def test_a_database_that_has_grown_is_dropped(use):
    first = use(MANY)

    assert use() != first


def test_a_test_that_fails_leaves_nothing_either(own, content, template_database, stack):
    def fail():
        with own.one() as name, psycopg.connect(stack.database_url(name), autocommit=True) as database:
            database.execute(MANY.replace("9000", "9"))
            raise LookupError(name)

    with pytest.raises(LookupError) as first:
        fail()
    with own.one() as second:
        assert second == str(first.value)
        assert content(second) == content(template_database)
