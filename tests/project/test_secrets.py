"""No secret stands where a person may read on: logs, errors, outputs, the catalog, the repository."""

import json
import logging
import os
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from sqlalchemy import text

from checkout import CHECKOUT
from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import split_url

PASSWORD = "hunter2/S3CRET:with@odd+chars"
KEYS = {
    "an AWS key id": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of GitHub, Slack or Google": r"\b(gh[pousr]_\w{36}|github_pat_\w{50,}|xox[abps]-[\w-]{10,}|AIza[\w-]{35})",
    "a token that was signed": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "an assigned secret": r"(?i)(secret_?(access_?)?key|fernet_key|jwt_secret|password)\s*[=:]\s*[\"']?[\w+/=-]{32,}",
}


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize("what", KEYS)
def test_no_tracked_file_holds_a_key(what):
    holding = []
    for name in tracked():
        path = CHECKOUT / name
        if path.is_file() and re.search(KEYS[what], path.read_text(errors="replace")):
            holding.append(name)

    assert holding == []
    assert len(tracked()) > 100


@pytest.mark.parametrize(
    ("what", "example"),
    [
        ("an AWS key id", "AKIA" + "IOSFODNN7" + "EXAMPLE"),
        ("a private key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("a token of GitHub, Slack or Google", "ghp_" + "a1" * 18),
        ("a token that was signed", "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 43),
        ("an assigned secret", "aws_secret_access_key" + " = " + "a1B2" * 10),
    ],
)
def test_a_key_would_be_found(what, example):
    assert re.search(KEYS[what], f"x {example} y")


def test_files_of_secrets_are_not_tracked():
    assert [
        name for name in tracked() if re.search(r"(^|/)(\.env|secrets\.json|.*\.pem|\.pgpass|credentials)$", name)
    ] == []


def standing_in(output, secrets):
    """Return which secrets stand in a text, as they are or as a URL writes them."""
    return [name for name, secret in secrets.items() if secret in output or quote(secret, safe="") in output]


@pytest.fixture
def secrets(stack):
    """The secrets of the live stack, by name."""
    own = stack.credentials
    return {"the catalog's password": own.postgres_password, "the S3 secret": own.s3_secret_key}


@pytest.mark.usefixtures("logs")
def test_a_run_shows_no_secret_whatever_is_logged(
    add_entity, request_run, session, store, base_path, secrets, caplog, tmp_path
):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "botocore", "boto3", "urllib3", "airflow", "rtb_optimizer"):
        caplog.set_level(logging.DEBUG, name)
    add_entity()
    in_process.run(request_run())
    tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    rows = "\n".join(str(row) for t in tables for row in session.scalars(text(f'SELECT x::text FROM "{t}" x')))
    objects = {entry.key: store.read(entry.key) for entry in store.list(split_url(base_path)[1])}
    files = "".join(path.read_text() for path in tmp_path.glob("*.json"))

    assert len(caplog.text) > 10_000
    assert len(rows) > 10_000
    assert len(objects) > 10
    assert standing_in(caplog.text, secrets) == []
    assert standing_in(rows + files, secrets) == []
    assert [key for key, body in objects.items() if standing_in(body.decode("latin-1"), secrets)] == []


def with_password(url, password):
    return re.sub(r"(//[^:]+:)[^@]+@", lambda match: f"{match[1]}{quote(password, safe='')}@", url)


def s3_connection(**changed):
    connection = json.loads(os.environ["AIRFLOW_CONN_RTB_S3"])
    extra = connection["extra"] | changed.pop("extra", {})
    return json.dumps(connection | changed | {"extra": extra})


CATALOG_FAULTS = {
    "a wrong password": lambda url: with_password(url, PASSWORD),
    "a port where nobody listens": lambda url: re.sub(r":\d+/", ":1/", with_password(url, PASSWORD)),
    "a host that is nowhere": lambda url: re.sub(r"@[^/]+/", "@nowhere.invalid:5432/", with_password(url, PASSWORD)),
    "a database that is not there": lambda url: url.rsplit("/", 1)[0] + "/nothing",
    "an option that does not exist": lambda url: with_password(url, PASSWORD) + "?sslmode=perhaps",
}
S3_FAULTS = {
    "a wrong secret": {"password": PASSWORD},
    "a wrong id": {"login": "nobody", "password": PASSWORD},
    "a port where nobody listens": {"password": PASSWORD, "extra": {"endpoint_url": "http://127.0.0.1:1"}},
    "a host that is nowhere": {"password": PASSWORD, "extra": {"endpoint_url": "http://nowhere.invalid"}},
    "no endpoint": {"password": PASSWORD, "extra": {"endpoint_url": "not a url"}},
}
# What a task's log would show: every logger at its most talkative, and the whole traceback.
TALKATIVE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore
with connections.session() as session:
    entity = entities.find(session, "drugs_com")
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
try:
    with DuckDBEngine(LogObjects.of({}), 1, 128) as engine:
        engine.open_logs(["s3://rtb/x.parquet"])
except Exception:
    logging.exception("the engine")
list(ObjectStore.of(entity.s3_base_path).list("x"))
"""


@pytest.fixture
def output_of(catalog, tmp_path):
    """Run Python with some connections changed; returns all that it printed, having failed."""
    assert catalog

    def run(*command, **changed):
        quick = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AIRFLOW_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, *command],
            env=os.environ | quick | {"PYTHONPATH": str(CHECKOUT / "include")} | changed,
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode != 0, "the fault did not fire"
        return done.stdout + done.stderr

    return run


RUN = ("-m", "rtb_optimizer", "run", "drugs_com", "--data-start", "2026-03-06", "--data-end", "2026-03-10")


@pytest.mark.takes_turns
@pytest.mark.parametrize(
    ("command", "fault"),
    [*((RUN, fault) for fault in CATALOG_FAULTS), (("-c", TALKATIVE), "a wrong password")],
    ids=[*CATALOG_FAULTS, "a task's log"],
)
def test_a_catalog_that_cannot_be_reached_is_reported_without_a_secret(output_of, catalog, secrets, command, fault):
    output = output_of(*command, AIRFLOW_CONN_RTB_CATALOG=CATALOG_FAULTS[fault](catalog))

    assert standing_in(output, secrets | {"the password": PASSWORD}) == []
    assert re.search(r"error:|Error", output)


@pytest.mark.takes_turns
@pytest.mark.parametrize(
    ("command", "fault"),
    [*((("-c", TALKATIVE), fault) for fault in S3_FAULTS), (RUN, "a wrong secret")],
    ids=[*S3_FAULTS, "the command line"],
)
def test_an_s3_that_cannot_be_reached_is_reported_without_a_secret(
    output_of, add_entity, session, secrets, command, fault
):
    add_entity()
    output = output_of(*command, AIRFLOW_CONN_RTB_S3=s3_connection(**S3_FAULTS[fault]))
    stored = "\n".join(str(row) for row in session.scalars(text("SELECT x::text FROM opt_runs x")))

    assert standing_in(output + stored, secrets | {"the password": PASSWORD}) == []
    assert re.search(r"error:|Error|LogsInvalid", output)
    assert stored or command != RUN


@pytest.mark.parametrize(
    "password", ["12/S3CRET", "12/S3CRET?x", "p@S3CRET", "p#S3CRET", "p?S3CRET", "p:S3CRET", "p/S3CRET", "12#S3CRET"]
)
def test_a_password_that_was_not_encoded_is_not_shown_as_another_part_of_the_url(monkeypatch, password):
    monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", f"postgresql://rtb:{password}@db:5432/catalog")
    try:
        rendered = connections.catalog_url().render_as_string()
    except ConnectionMissing as problem:
        rendered = str(problem)

    assert "S3CRET" not in rendered
