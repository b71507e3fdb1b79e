"""Which forms of a connection are understood, and what is said about the others (never their secrets)?"""

import json
import subprocess
import sys

import pytest
from sqlalchemy import text

from checkout import CHECKOUT
from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store import connections

VARIABLE = "AIRFLOW_CONN_RTB_CATALOG"
JSON_FORM = {"conn_type": "postgres", "host": "db", "port": 5433, "login": "rtb", "schema": "catalog"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("postgresql://rtb:pw@db:5433/catalog", "postgresql+psycopg://rtb:pw@db:5433/catalog"),
        ("postgres://rtb:pw@db/catalog", "postgresql+psycopg://rtb:pw@db/catalog"),
        ("postgresql+psycopg2://rtb:pw@db/catalog", "postgresql+psycopg://rtb:pw@db/catalog"),
        ("postgresql+asyncpg://rtb:pw@db/catalog", "postgresql+psycopg://rtb:pw@db/catalog"),
        ("postgres://rtb:p%40%2F%3A@db/catalog", "postgresql+psycopg://rtb:p%40%2F%3A@db/catalog"),
        ("postgres://db/catalog?sslmode=require", "postgresql+psycopg://db/catalog?sslmode=require"),
        ("postgres://db/catalog?__extra__=%7B%7D", "postgresql+psycopg://db/catalog"),
        (json.dumps(JSON_FORM | {"password": "pw"}), "postgresql+psycopg://rtb:pw@db:5433/catalog"),
        (json.dumps(JSON_FORM | {"password": "p://w"}), "postgresql+psycopg://rtb:p%3A%2F%2Fw@db:5433/catalog"),
        (
            json.dumps(JSON_FORM | {"password": "pw", "extra": {"sslmode": "require"}}),
            "postgresql+psycopg://rtb:pw@db:5433/catalog?sslmode=require",
        ),
    ],
)
def test_a_connection_is_understood_as_a_url_or_as_json(monkeypatch, form, expected):
    monkeypatch.setenv(VARIABLE, form)
    assert connections.catalog_url().render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("mysql://rtb:s3cret@db/catalog", "is mysql: PostgreSQL is needed"),
        ("sqlite:///s3cret.db", "is sqlite: PostgreSQL is needed"),
        ("postgres://rtb:s3cret@db:54x3/catalog", "is no PostgreSQL URL"),
        ("://s3cret", "is no PostgreSQL URL"),
        (json.dumps({"conn_type": "mysql", "host": "db", "password": "s3cret"}), "is mysql: PostgreSQL is needed"),
    ],
)
def test_a_connection_that_is_no_postgresql_is_refused_without_its_secret(monkeypatch, form, said):
    monkeypatch.setenv(VARIABLE, form)
    with pytest.raises(ConnectionMissing) as caught:
        connections.catalog_url()
    assert f"connection 'rtb_catalog' {said}" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("conn_id", ["rtb_catalog", "rtb_s3"])
def test_a_connection_that_is_nowhere_is_told_with_where_to_set_it(conn_id, tmp_path):
    """In a process of its own, since Airflow remembers where it may look."""
    call = "catalog_url" if conn_id == "rtb_catalog" else "s3_client"
    code = f"""
from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store import connections
try:
    connections.{call}()
except ConnectionMissing as problem:
    print(problem)
"""
    surroundings = {"PYTHONPATH": "include", "AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=surroundings, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    assert done.stdout.splitlines()[-1:] == [
        f"no Airflow connection {conn_id!r}: set {variable} or add it to Airflow"
    ], done.stderr


def test_a_session_that_is_left_without_a_commit_leaves_nothing(catalog):
    assert catalog
    with connections.session() as session:
        session.execute(text("UPDATE opt_master SET opt_name = 'gone'"))
    with connections.session() as session:
        assert session.scalar(text("SELECT opt_name FROM opt_master")) == "RTB Optimizer"


def test_the_s3_connection_s_endpoint_is_used_by_both_readers(stack, store, base_path):
    key = f"{base_path.removeprefix('s3://rtb/')}/x.txt"
    store.put_once(key, b"here")
    assert connections.s3_client().meta.endpoint_url == stack.s3_url
    with connections.s3_filesystem().open_input_stream(f"rtb/{key}") as stream:
        assert stream.read() == b"here"


@pytest.mark.parametrize(
    ("asked", "tries", "timeouts"),
    [
        ({}, 5, (10, 60)),
        ({"read_timeout": 7}, 5, (10, 7)),
        ({"connect_timeout": 2, "retries": {"total_max_attempts": 3, "mode": "standard"}}, 3, (2, 60)),
        ({"retries": {"max_attempts": 3, "mode": "adaptive"}}, 4, (10, 60)),
    ],
)
def test_tries_and_timeouts_of_s3_are_bounded_and_the_connection_may_set_its_own(monkeypatch, asked, tries, timeouts):
    extra = {"endpoint_url": "http://127.0.0.1:1", "region_name": "us-east-1", "config_kwargs": asked}
    form = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_RTB_S3", json.dumps(form))
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()
    config = connections.s3_client().meta.config
    assert connections._tries(config.retries) == tries
    assert (config.connect_timeout, config.read_timeout) == timeouts
    assert connections.s3_filesystem().type_name == "s3"
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()


def test_the_catalog_is_given_up_soon_unless_its_url_says_otherwise(catalog, monkeypatch):
    def parameters():
        connections.catalog.cache_clear()
        with connections.catalog().connect() as connection:
            return connection.connection.driver_connection.info.get_parameters()

    assert parameters().items() >= {"connect_timeout": "10", "keepalives_idle": "30"}.items()
    monkeypatch.setenv(VARIABLE, f"{catalog}?connect_timeout=3")
    assert parameters().items() >= {"connect_timeout": "3", "keepalives_idle": "30"}.items()
