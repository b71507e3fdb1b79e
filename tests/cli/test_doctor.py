"""doctor finds real problems, names them with a fix, and ends with 1 only then."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from checkout import CHECKOUT
from rtb_optimizer.cli.app import app
from rtb_optimizer.operations.doctor import checks
from rtb_optimizer.store import connections, dag_list, dag_list_export, migrate
from rtb_optimizer.store.objects import split_url

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def surroundings(catalog, add_entity, monkeypatch):
    """No problem: an entity, and the manifest that lists it."""
    assert catalog
    entity = add_entity()
    export()
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    yield entity
    forget_connections()


@pytest.fixture
def doctor(surroundings, monkeypatch):
    """Run doctor; its findings by check (the last of a name), with the exit code under `exit`."""
    assert surroundings

    def run(*arguments, **changed):
        for name, value in changed.items():
            monkeypatch.setenv(name, value)
        forget_connections()
        done = CliRunner().invoke(app, ["doctor", "--json", *arguments], catch_exceptions=False)
        message = json.loads(done.stdout)
        assert message["well"] == (done.exit_code == 0)
        every = {"every": message["findings"], "exit": done.exit_code}
        return {each["check"]: each for each in message["findings"]} | every

    return run


def export():
    with connections.session() as own:  # closed at once: what a test breaks needs the locks
        dag_list_export.export(own)


def forget_connections():
    for cached in (connections.catalog, connections.s3_client, connections._s3_hook):
        cached.cache_clear()


def failed(result):
    return {each["check"] for each in result["every"] if each["status"] == "failed"}


def assert_fails(result, check, summary, fix):
    """This check alone has failed, with its problem, its fix and the exit code."""
    assert failed(result) == {check}, result
    assert summary in result[check]["summary"]
    assert fix in result[check]["fix"]
    assert result["exit"] == 1


def s3_connection(stack, **changed):
    """The connection, with other keys or endpoint; a single try, since what is wrong here does not pass."""
    values = json.loads(os.environ["AIRFLOW_CONN_RTB_S3"])
    own = {name: changed[name] for name in ("login", "password") if name in changed}
    extra = {"endpoint_url": changed.get("endpoint_url", stack.s3_url)}
    tries = {"config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 1}}}
    return json.dumps(values | own | {"extra": values["extra"] | extra | tries})


# ---- All well


@pytest.mark.usefixtures("logs")
def test_where_all_is_well_every_check_is_ok_with_its_time_and_leaves_nothing_behind(doctor, store, surroundings):
    result = doctor()
    assert result.pop("exit") == 0
    del result["every"]
    assert list(result) == [
        *("catalog", "clock of the catalog", "schema", "seeds", "S3", "clock of S3", "bucket", "logs"),
        *("engine", "spill folder", "DAG list", "Airflow"),
    ]
    assert {name for name, each in result.items() if each["status"] != "ok"} == {"Airflow"}, result
    assert all(each["milliseconds"] >= 0 for each in result.values())
    assert surroundings.s3_base_path in result["bucket"]["summary"]
    assert list(store.list(surroundings.s3_base_path.split("/", 3)[3] + "/doctor")) == []


def test_a_person_sees_a_line_a_check_and_what_to_do_below_those_that_need_it(surroundings, monkeypatch):
    assert surroundings
    dag_list.path().unlink()
    monkeypatch.setenv("COLUMNS", "60")
    done = CliRunner().invoke(app, ["doctor"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 1
    assert next(line.split()[:2] for line in lines if line.startswith("ok")) == ["ok", "catalog"]
    at = next(n for n, line in enumerate(lines) if line.startswith("failed"))
    assert str(dag_list.path()) in lines[at]
    assert lines[at + 1].split() == ["fix:", "run", "`python", "-m", "rtb_optimizer", "manifest`"]


def test_the_exit_code_reaches_the_shell(surroundings):
    assert surroundings
    run = [sys.executable, "-m", "rtb_optimizer", "doctor"]
    there = {**os.environ, "PYTHONPATH": "include"}
    well = subprocess.run(run, cwd=CHECKOUT, env=there, capture_output=True, text=True, check=False)
    without = {name: value for name, value in there.items() if name != "AIRFLOW_CONN_RTB_CATALOG"}
    ill = subprocess.run(run, cwd=CHECKOUT, env=without, capture_output=True, text=True, check=False)
    assert (well.returncode, ill.returncode) == (0, 1), well.stdout + ill.stdout
    assert "set AIRFLOW_CONN_RTB_CATALOG=postgresql://" in ill.stdout


# ---- The catalog


@pytest.mark.parametrize(
    ("change", "summary"),
    [
        (lambda url, secret: url.replace(secret, "s3cret"), "password authentication failed"),
        (lambda url, _: url.rsplit("/", 1)[0] + "/no_such_database", 'database "no_such_database" does not exist'),
        (lambda url, _: url.replace(url.split("@")[1].split("/")[0], "127.0.0.1:1"), "127.0.0.1"),
    ],
    ids=["wrong password", "no such database", "nobody listens"],
)
def test_a_catalog_that_cannot_be_used_is_reported_and_what_needs_it_is_skipped(
    doctor, catalog, stack, change, summary
):
    secret = stack.credentials.postgres_password
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute("ALTER ROLE postgres SET lc_messages = 'C'")
    result = doctor(AIRFLOW_CONN_RTB_CATALOG=change(catalog, secret))
    assert_fails(result, "catalog", summary, "correct host, port, user, password and database")
    skipped = {each["check"] for each in result["every"] if each["status"] == "skipped"}
    assert skipped == {"clock of the catalog", "schema", "seeds", "bucket", "logs", "engine", "DAG list", "Airflow"}
    assert secret not in str(result)
    assert "s3cret" not in str(result)


def test_a_schema_of_an_earlier_checkout_is_reported_with_both_revisions(doctor):
    migrate.downgrade(connections.catalog(), "0001")
    assert_fails(doctor(), "schema", f"at revision 0001, the newest is {migrate.head()}", "rtb_optimizer migrate")


@pytest.mark.parametrize(
    ("statement", "summary", "fix"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "9999, which this checkout does not have", "update this"),
        ("DROP SCHEMA public CASCADE; CREATE SCHEMA public", "the catalog has no schema", "rtb_optimizer migrate"),
    ],
)
def test_a_schema_of_a_later_checkout_or_none_is_distinguished(doctor, catalog, statement, summary, fix):
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute(statement)
    assert_fails(doctor(), "schema", summary, fix)


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("DELETE FROM opt_version_configs WHERE config_key = 'valid_hours'", "missing: config key valid_hours"),
        (
            "DELETE FROM opt_feature_macros WHERE macro_format = 'adx' AND feature_name = 'country'",
            "adx macro of country",
        ),
        ("UPDATE opt_versions SET version_code = 'v0'", "version v3 of rtb_optimizer"),
    ],
)
def test_what_was_never_seeded_is_named(doctor, catalog, statement, summary):
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute(statement)
    result = doctor()
    assert summary in result["seeds"]["summary"]
    assert "rtb_optimizer seed" in result["seeds"]["fix"]
    assert (failed(result), result["exit"]) == ({"seeds"}, 1)


def test_a_key_that_is_declared_otherwise_is_a_warning_and_no_failure(doctor, catalog):
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute("UPDATE opt_version_configs SET max_value = 7 WHERE config_key = 'max_features'")
    export()
    result = doctor()
    assert (result["seeds"]["status"], result["exit"]) == ("warning", 0)
    assert "config key max_features" in result["seeds"]["summary"]


# ---- S3


@pytest.mark.parametrize(
    ("changed", "summary", "fix"),
    [
        ({"login": "no_such_key"}, "InvalidAccessKeyId", "correct the key id in connection rtb_s3"),
        ({"password": "s3cret"}, "SignatureDoesNotMatch", "correct the secret key in connection rtb_s3"),
        ({"endpoint_url": NOWHERE}, NOWHERE, "start the store, or correct endpoint_url"),
    ],
    ids=["wrong key id", "wrong secret", "nobody listens"],
)
def test_an_s3_that_cannot_be_used_is_reported_and_buckets_are_skipped(doctor, stack, changed, summary, fix):
    result = doctor(AIRFLOW_CONN_RTB_S3=s3_connection(stack, **changed))
    assert_fails(result, "S3", summary, fix)
    assert (result["bucket"]["status"], result["logs"]["status"]) == ("skipped", "skipped")
    assert "s3cret" not in str(result)


def test_a_bucket_that_is_not_there_is_named(doctor):
    result = doctor("--s3-path", "s3://no-such-bucket/x")
    assert_fails(result, "bucket", "s3://no-such-bucket/x: list: ", "create the bucket, or correct the path")
    with pytest.raises(ClientError, match="Not Found"):
        connections.s3_client().head_bucket(Bucket="no-such-bucket")  # some stores make one for the first object


@pytest.mark.parametrize(
    ("action", "right"),
    [
        ("s3:ListBucket", "list"),
        ("s3:PutObject", "put"),
        ("s3:GetObject", "get"),
        ("s3:DeleteObject", "delete"),
    ],
)
def test_each_right_that_a_bucket_denies_is_named_with_the_action_to_grant(doctor, action, right):
    with denying(action) as bucket:
        result = doctor("--s3-path", f"s3://{bucket}/base")
    assert_fails(result, "bucket", f"s3://{bucket}/base: {right}: ", f"grant {action} there")
    assert "AccessDenied" in result["bucket"]["summary"]


def test_a_bucket_that_is_read_only_fails_though_it_can_be_listed(doctor):
    with denying("s3:PutObject", "s3:DeleteObject") as bucket:
        result = doctor("--s3-path", f"s3://{bucket}", "--s3-path", "s3://rtb/elsewhere")
    assert result["exit"] == 1
    with denying("s3:PutObject", "s3:DeleteObject") as bucket:
        assert_fails(doctor("--s3-path", f"s3://{bucket}"), "bucket", "put: ", "grant s3:PutObject")


@contextmanager
def denying(*actions):
    """A bucket of its own whose policy denies these actions to everybody."""
    client, bucket = connections.s3_client(), f"denying-{os.urandom(4).hex()}"
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    rule = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": resources}
    client.create_bucket(Bucket=bucket)
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))
    try:
        yield bucket
    finally:
        client.delete_bucket_policy(Bucket=bucket)
        for entry in client.list_objects_v2(Bucket=bucket).get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])
        client.delete_bucket(Bucket=bucket)


# ---- Logs


@pytest.mark.parametrize(
    ("body", "status", "summary"),
    [
        (None, "warning", "there is no object yet"),
        (b"a,b\n1,2\n", "ok", "listed and read, 8 bytes"),
        (b"\xff" * 100 + b"PAR1", "failed", "open: "),
    ],
)
def test_an_object_of_the_logs_is_read_as_a_run_reads_it(doctor, store, base_path, body, status, summary):
    if body is not None:
        key = split_url(f"{base_path}/logs/date=2026-03-06/part-0")[1]
        for name, of_name in {"_SUCCESS": b"x", "part-0": body}.items():
            store.put_once(f"{key.rpartition('/')[0]}/{name}", of_name)
    found = doctor()["logs"]

    assert found["status"] == status
    assert summary in found["summary"]
    assert (found["fix"] != "") == (status != "ok")


def test_logs_of_events_are_looked_at_too_and_named_by_their_key(doctor, add_entity, store, base_path):
    prefix = split_url(base_path)[1]
    for folder in ("logs", "wins"):
        store.put_once(f"{prefix}/{folder}/2026-03-06.csv", b"auction_id,at\n1,2026-03-06\n")
    wins, clicks = f"{base_path}/wins/{{date}}.csv", f"{base_path}/clicks/{{date}}.csv"
    add_entity("a_dsp", win_logs_path=wins, exposure_column="won", outcome_logs_path=clicks)
    export()
    of_logs = [each for each in doctor()["every"] if each["check"] == "logs"]

    assert f"{base_path}/wins/2026-03-06.csv: listed and read" in "; ".join(each["summary"] for each in of_logs)
    [absent] = [each for each in of_logs if each["summary"] == f"{clicks}: there is no object yet"]
    assert "correct outcome_logs_path: " in absent["fix"]


def test_logs_that_may_be_listed_and_not_read_are_told_apart(doctor, add_entity):
    with denying("s3:GetObject") as bucket:
        connections.s3_client().put_object(Bucket=bucket, Key="logs/part-0", Body=b"x")
        add_entity("denied", logs_path=f"s3://{bucket}/logs/")
        export()
        result = doctor()
    [denied] = [each for each in result["every"] if each["check"] == "logs" and each["status"] == "failed"]

    assert f"s3://{bucket}/logs/part-0: read: " in denied["summary"]
    assert "grant s3:GetObject there" in denied["fix"]


# ---- Clocks


@pytest.mark.parametrize(("off", "word"), [(timedelta(minutes=5), "behind"), (timedelta(minutes=-5), "ahead of")])
def test_a_clock_that_is_off_is_found_by_both_servers(surroundings, off, word):
    assert surroundings
    result = {each.check: each for each in checks.findings(checks.CheckOptions(now=lambda: datetime.now(UTC) + off))}
    for whose in ("the catalog", "S3"):
        clock = result[f"clock of {whose}"]
        assert clock.status == "failed"
        assert word in clock.summary
        assert clock.summary.endswith("30 s allowed")
        assert "NTP" in clock.fix
    assert {name for name, each in result.items() if each.status == "failed"} == {
        "clock of the catalog",
        "clock of S3",
    }


# ---- The machine


def test_an_engine_that_may_take_more_than_the_machine_has_is_a_warning_with_the_key(doctor, catalog):
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute(
            "INSERT INTO opt_entity_configs (entity_id, config_key, config_value, updated_by) "
            "SELECT entity_id, 'engine_memory_mb', '900000', 'tester' FROM opt_entities"
        )
    export()
    engine = doctor()["engine"]
    assert engine["status"] == "warning"
    assert "900,000 MB of" in engine["summary"]
    assert "lower engine_memory_mb" in engine["fix"]


def test_a_spill_folder_that_cannot_be_written_is_reported_though_another_one_is_taken(doctor, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)  # as in a new process
    result = doctor(TMPDIR=str(tmp_path / "absent"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert_fails(result, "spill folder", f"TMPDIR={tmp_path / 'absent'} cannot be written", "set TMPDIR to another one")


# ---- The manifest


@pytest.mark.parametrize(
    ("break_it", "summary"),
    [
        (lambda path: path.unlink(), "is not a readable DAG list"),
        (lambda path: path.write_text("{"), "(Airflow uses the last good copy) is not a readable DAG list"),
        (lambda path: path.write_text('["neither"]'), "is not a readable DAG list"),
    ],
    ids=["absent", "cut off", "something else"],
)
def test_a_dag_list_that_cannot_be_read_is_named(doctor, break_it, summary):
    break_it(dag_list.path())
    if "last good" not in summary:
        dag_list.last_good(dag_list.path()).unlink()
    assert_fails(doctor(), "DAG list", summary, "rtb_optimizer manifest")


def test_a_dag_list_behind_the_catalog_names_the_entities(doctor, add_entity):
    add_entity("later_com")
    assert_fails(doctor(), "DAG list", "differs from the catalog in later_com", "rtb_optimizer manifest")


# ---- Airflow


def test_an_airflow_that_does_not_answer_or_is_something_else_is_reported(doctor, stack):
    assert_fails(doctor("--airflow-url", NOWHERE), "Airflow", NOWHERE, "start the api-server")
    result = doctor(AIRFLOW__API__BASE_URL=stack.s3_url)
    assert_fails(result, "Airflow", "which is not Airflow's health report", "correct AIRFLOW__API__BASE_URL")


def test_a_part_of_airflow_that_is_not_healthy_is_named(doctor):
    parts = {part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "dag_processor", "triggerer")}
    with serving(parts | {"triggerer": {"status": None}}) as url:
        assert_fails(doctor("--airflow-url", url), "Airflow", "triggerer is None", "runs do not wait for their logs")
    with serving(parts) as url:
        assert doctor("--airflow-url", url)["Airflow"]["status"] == "ok"


@contextmanager
def serving(answer):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answer).encode()
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
