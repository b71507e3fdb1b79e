"""The supported forms of a connection, and the errors for others, which never contain their secrets."""

import json
import subprocess
import sys
import time
from urllib.parse import quote

import psycopg
import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from psycopg import sql
from sqlalchemy import make_url, text
from sqlalchemy.pool import NullPool

from checkout import CHECKOUT
from iam_postgres import iam_postgres
from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store import connections

VARIABLE = "AIRFLOW_CONN_RTB_CATALOG"
DRIVER = "postgresql+psycopg"
JSON_FORM = {"conn_type": "postgres", "host": "db", "port": 5433, "login": "rtb", "schema": "catalog"}
ODD = "p@/:#?%+ &=ü\"'\\"
URLS = [
    "postgresql://rtb:pw@db:5433/catalog",
    "postgres://rtb:pw@db/catalog",
    "postgresql+psycopg2://rtb:pw@db/catalog",
    "postgresql+asyncpg://rtb:pw@db/catalog",
    " postgresql://rtb:pw@db/catalog\n",
    f"postgres://rtb:{quote(ODD, safe='')}@db/catalog",
    "postgres://rtb:p:w@x@db/catalog",
    "postgres://r%40tb:p+w@DB.example.com/cat%2Falog",
    "postgres://rtb:pw@[2001:db8::1]:5433/catalog",
    "postgres://rtb:pw@[::1]/catalog",
    "postgres://rtb:pw@db",
    "postgres://rtb:pw@db:5433/",
    "postgres://rtb@db/catalog",
    "postgres://rtb:@db/catalog",
    "postgres:///catalog",
    "postgres://db/catalog?sslmode=require&application_name=a%20b",
]
ONLY_BY_THE_HOOK = [
    "postgres://rtb:pw@%2Fvar%2Frun%2FPostgreSQL/catalog",
    "postgres://db/catalog?__extra__=%7B%22sslmode%22%3A+%22require%22%7D",
    "postgres://db/catalog?sqlalchemy_scheme=postgresql%2Bpsycopg2",
    json.dumps(JSON_FORM | {"password": "pw"}),
    json.dumps(JSON_FORM | {"conn_type": "postgresql", "password": ODD}),
    json.dumps(JSON_FORM | {"host": "2001:db8::1", "port": None}),
    json.dumps({"conn_type": "postgres", "host": "db"}),
    json.dumps(JSON_FORM | {"extra": {"sslmode": "require", "cursor": "dictcursor"}}),
    json.dumps(JSON_FORM | {"extra": {"sqlalchemy_query": {"connect_timeout": "3"}}}),
]
# The URLs without Airflow, in a process of its own.
PLAIN = """
import json, os, sys
from rtb_optimizer.store import connections
for form in json.load(sys.stdin):
    os.environ["AIRFLOW_CONN_RTB_CATALOG"] = form
    print(json.dumps(connections.catalog_url().render_as_string(hide_password=False)))
assert "airflow" not in sys.modules
"""


def hooks_own(monkeypatch, form):
    """Return the hook of a connection, which would take another driver where `sqlalchemy_scheme` names it."""
    monkeypatch.setenv(VARIABLE, form)
    return PostgresHook(postgres_conn_id="rtb_catalog", sqlalchemy_scheme=DRIVER)


@pytest.mark.parametrize("form", [*URLS, *ONLY_BY_THE_HOOK])
def test_the_catalog_s_url_is_the_one_that_the_postgres_hook_makes(monkeypatch, form):
    expected = hooks_own(monkeypatch, form).sqlalchemy_url

    assert connections.catalog_url() == expected
    assert connections.catalog_engine(poolclass=NullPool).url == expected


def test_a_command_that_has_not_imported_airflow_makes_the_same_urls(monkeypatch):
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        input=json.dumps(URLS),
        env={"PYTHONPATH": "include", "PATH": "/usr/bin:/bin"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        hooks_own(monkeypatch, form).get_uri() for form in URLS
    ]


def parameters_of(connection):
    return {**connection.info.get_parameters(), "password": connection.info.password}


@pytest.mark.parametrize("form", ["url", "json"])
def test_the_server_is_reached_with_the_parameters_that_the_hook_gives(catalog, monkeypatch, form):
    url = make_url(catalog)
    options = {"application_name": "a b", "sslmode": "prefer", "options": "-c statement_timeout=5000"}
    options |= {"connect_timeout": "3"}
    with psycopg.connect(catalog, autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE odd_{} LOGIN PASSWORD {}").format(sql.SQL(form), ODD))
    fields = {"host": url.host, "port": url.port, "login": f"odd_{form}", "password": ODD, "schema": url.database}
    address = url.set(username=f"odd_{form}", password=ODD, query=options).render_as_string(hide_password=False)
    as_json = json.dumps({"conn_type": "postgres", **fields, "extra": options | {"cursor": "dictcursor"}})
    hook = hooks_own(monkeypatch, address if form == "url" else as_json)
    connections.catalog.cache_clear()
    with hook.get_conn() as theirs, connections.catalog().connect() as ours:
        expected, actual = parameters_of(theirs), parameters_of(ours.connection.driver_connection)
        assert ours.scalar(text("SHOW statement_timeout")) == "5s"

    assert actual == connections.CATALOG_LIMITS | expected
    assert expected["connect_timeout"] == "3"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("mysql://rtb:s3cret@db/catalog", "is mysql: PostgreSQL is needed; set AIRFLOW_CONN_RTB_CATALOG=postgresql://"),
        ("sqlite:///s3cret.db", "is sqlite: PostgreSQL is needed"),
        (json.dumps({"conn_type": "mysql", "host": "db", "password": "s3cret"}), "is mysql: PostgreSQL is needed"),
        (json.dumps({"host": "db", "password": "s3cret"}), "is of no type: PostgreSQL is needed"),
        ("postgres://rtb:s3cret@db:54x3/catalog", "is no PostgreSQL URL: write postgresql://USER:PASSWORD@HOST"),
        ("postgres://rtb:12/s3cret@db/catalog", "is no PostgreSQL URL"),
        ("postgres://rtb:12?s3cret@db/catalog", "is no PostgreSQL URL"),
        ("postgres://rtb:12#s3cret@db/catalog", "is no PostgreSQL URL"),
        ("postgres://rtb:s3cret/x@db/catalog", "is no PostgreSQL URL"),
        ("postgres://rtb:s3cret://x@db/catalog", "is no PostgreSQL URL"),
        ("postgres://rtb:s3cret@[::1/catalog", "is no PostgreSQL URL"),
        ("://s3cret", "is no PostgreSQL URL"),
        (
            json.dumps(JSON_FORM | {"password": "s3cret", "port": "54x3"}),
            "cannot be read: AIRFLOW_CONN_RTB_CATALOG must be a URL or JSON",
        ),
        ('{"conn_type": "postgres", "password": "s3cret"', "cannot be read: AIRFLOW_CONN_RTB_CATALOG must be"),
        (
            json.dumps(JSON_FORM | {"password": "s3cret", "extra": {"sqlalchemy_query": "sslmode"}}),
            "cannot be used: The parameter 'sqlalchemy_query' must be of type dict!; correct its extra",
        ),
    ],
)
def test_a_connection_that_is_no_postgresql_is_refused_without_its_secret(monkeypatch, caplog, form, problem):
    caplog.set_level("DEBUG")
    monkeypatch.setenv(VARIABLE, form)
    with pytest.raises(ConnectionMissing) as caught:
        connections.catalog_url()
    assert f"connection 'rtb_catalog' {problem}" in str(caught.value)
    assert "s3cret" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("conn_id", ["rtb_catalog", "rtb_s3"])
def test_a_connection_that_is_nowhere_is_reported_with_where_to_set_it(conn_id, tmp_path):
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


@pytest.mark.parametrize(
    ("options", "tries", "timeouts"),
    [
        ({}, 5, (10, 60)),
        ({"read_timeout": 7}, 5, (10, 7)),
        ({"connect_timeout": 2, "retries": {"total_max_attempts": 3, "mode": "standard"}}, 3, (2, 60)),
        ({"retries": {"max_attempts": 3, "mode": "adaptive"}}, 4, (10, 60)),
    ],
)
def test_tries_and_timeouts_of_s3_are_bounded_and_the_connection_may_set_its_own(monkeypatch, options, tries, timeouts):
    extra = {"endpoint_url": "http://127.0.0.1:1", "region_name": "us-east-1", "config_kwargs": options}
    form = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_RTB_S3", json.dumps(form))
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()
    config = connections.s3_client().meta.config
    assert connections.s3_tries(connections.s3_client()) == tries
    assert (config.connect_timeout, config.read_timeout) == timeouts
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()


PLAIN_S3 = {
    "conn_type": "aws",
    "login": "k",
    "password": "s",
    "extra": {"endpoint_url": "http://127.0.0.1:1", "region_name": "eu-west-1"},
}


@pytest.mark.parametrize(
    ("form", "is_plain"),
    [
        (PLAIN_S3, True),
        (PLAIN_S3 | {"extra": PLAIN_S3["extra"] | {"verify": False}}, False),
        (PLAIN_S3 | {"extra": PLAIN_S3["extra"] | {"role_arn": "arn:aws:iam::1:role/reader"}}, False),
        (PLAIN_S3 | {"extra": {"region_name": "eu-west-1"}}, False),  # the endpoint may be an environment's
        (PLAIN_S3 | {"extra": json.dumps(PLAIN_S3["extra"])}, False),
        (PLAIN_S3 | {"login": ""}, False),  # credentials may be the machine's
    ],
)
def test_a_connection_to_s3_is_plain_where_it_says_all(monkeypatch, form, is_plain):
    monkeypatch.setenv("AIRFLOW_CONN_RTB_S3", json.dumps(form))

    assert (connections._plain_s3("rtb_s3") is not None) is is_plain


def test_a_command_needs_no_airflow_for_a_plain_connection_to_s3(monkeypatch):
    """In a process of its own, as a command has."""
    monkeypatch.setenv("AIRFLOW_CONN_RTB_S3", json.dumps(PLAIN_S3))
    monkeypatch.setenv("PYTHONPATH", "include")
    code = """
import sys
from rtb_optimizer.store import connections
print(connections.s3_client().meta.endpoint_url, "airflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    assert done.stdout == "http://127.0.0.1:1 False\n"


def test_the_client_of_a_plain_connection_is_the_one_that_the_hook_makes(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_RTB_S3", json.dumps(PLAIN_S3))
    plain = connections._plain_s3("rtb_s3")
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()
    by_hook = connections.s3_client()
    for cached in (connections.s3_client, connections._s3_hook):
        cached.cache_clear()

    def told(client):
        config = {name: getattr(client.meta.config, name) for name in client.meta.config._user_provided_options}
        keys = client._request_signer._credentials.get_frozen_credentials()
        return (
            client.meta.endpoint_url,
            client.meta.region_name,
            keys,
            {**config, "user_agent": "", "user_agent_extra": ""},
        )

    assert told(plain) == told(by_hook)


def test_the_catalog_is_given_up_soon_unless_its_url_says_otherwise(catalog, monkeypatch):
    def parameters():
        connections.catalog.cache_clear()
        with connections.catalog().connect() as connection:
            return connection.connection.driver_connection.info.get_parameters()

    assert parameters().items() >= {"connect_timeout": "10", "keepalives_idle": "30"}.items()
    monkeypatch.setenv(VARIABLE, f"{catalog}?connect_timeout=3")
    assert parameters().items() >= {"connect_timeout": "3", "keepalives_idle": "30"}.items()


@pytest.fixture
def iam(catalog, monkeypatch):
    """A server that takes IAM tokens, in front of this test's catalog, where the product finds it."""
    with iam_postgres(catalog) as server:
        extra = {"iam": True, "aws_conn_id": "rds_signer", "sslmode": "prefer"}
        form = {"conn_type": "postgres", "host": "127.0.0.1", "port": server.port, "login": "rtb_app"}
        form |= {"schema": catalog.rsplit("/", 1)[1], "extra": extra}
        signer = {"conn_type": "aws", "login": "AKID", "password": "s3cret", "extra": {"region_name": "eu-west-1"}}
        monkeypatch.setenv(VARIABLE, json.dumps(form))
        monkeypatch.setenv("AIRFLOW_CONN_RDS_SIGNER", json.dumps(signer))
        connections.catalog.cache_clear()
        yield server


def test_each_physical_connection_signs_in_with_an_iam_token_of_its_own(iam, caplog):
    caplog.set_level("DEBUG")
    for _ in range(3):
        with connections.catalog().connect() as connection:
            assert connection.scalar(text("SELECT opt_name FROM opt_master")) == "RTB Optimizer"
            connection.invalidate()
        time.sleep(1.1)  # a token has the second in which it was signed

    assert len(set(iam.tokens)) == len(iam.tokens) == 3
    assert [token for token in iam.tokens if token in caplog.text] == []
    assert "s3cret" not in caplog.text


def test_aws_that_gives_no_token_is_named_with_the_fix(iam, monkeypatch):
    assert connections.catalog()
    monkeypatch.setenv("AIRFLOW_CONN_RDS_SIGNER", json.dumps({"conn_type": "aws", "login": "AKID", "password": "s"}))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    fix = "connection 'rtb_catalog' cannot be used: You must specify a region.*the AWS connection of `aws_conn_id`"
    with pytest.raises(ConnectionMissing, match=fix), connections.session() as session:
        session.connection()
    assert iam.tokens == []
