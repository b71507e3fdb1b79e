"""Each command ends with the exit code documented in docs/cli.md."""

import os
import re
import signal
import socket
import subprocess
import sys

import psycopg
import pytest

from checkout import CHECKOUT
from rtb_optimizer.cli.app import main
from rtb_optimizer.store import connections

ROW = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)
REQUIRED = "--set logs_path=s3://rtb/logs/ --set outcome_column=click --set candidate_features=site"
PROMISED = {int(code): when for code, when in ROW.findall((CHECKOUT / "docs/cli.md").read_text())}


@pytest.fixture
def ended(catalog, monkeypatch):
    """Run a command in this process, which is faster than one of its own; its exit code."""
    assert catalog

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rtb_optimizer", *arguments])
        connections.catalog.cache_clear()
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    return run


@pytest.fixture
def process_ended(catalog):
    """Run a command as a person would, without anybody to answer; its exit code."""
    assert catalog

    def run(*arguments, module="rtb_optimizer", **changed):
        there = {**os.environ, "PYTHONPATH": "include", **changed}
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=CHECKOUT, env=there, stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).returncode

    return run


def test_the_codes_that_are_documented_are_those_that_are_tested_here():
    assert set(PROMISED) == {0, 1, 2, 129, 130, 143}  # 129 and 143 in test_ended_runs.py


@pytest.mark.parametrize(
    "arguments", ["--version", "--help", "entities list", "runs list --json", "migrate", "audit", "retention --dry-run"]
)
def test_0_the_command_succeeded(ended, arguments):
    assert ended(*arguments.split()) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "config show nope_com",
        "runs show 4711",
        "run nope_com",
        "rollback nope_com --reason x",
        "entities add new_com --name N --object-id 1 --s3-base-path nowhere",
        "migrate --down-to base",
    ],
)
def test_1_it_could_not_be_done(ended, arguments):
    assert ended(*arguments.split()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "runs show \udcff",
        f"entities add new_com --name N --object-id {10**20} --s3-base-path s3://rtb/new {REQUIRED}",
    ],
    ids=["bytes that are no text", "a number beyond 64 bits"],
)
def test_1_a_value_that_the_catalog_cannot_hold_is_one_line_that_says_so(ended, capsys, arguments):
    assert ended("seed") == 0
    assert ended(*arguments.split()) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: a value cannot be stored: it contains an invalid character")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("arguments", "code"), [("entities list", 0), ("runs show 4711", 1), ("nope", 2)])
def test_the_process_ends_with_the_code_of_its_command(process_ended, arguments, code):
    assert process_ended(*arguments.split()) == code


def test_1_the_catalog_is_away_or_has_no_schema(process_ended, catalog):
    assert process_ended("entities", "list", AIRFLOW_CONN_RTB_CATALOG="postgresql://a:b@127.0.0.1:1/c") == 1
    with psycopg.connect(catalog, autocommit=True) as own:
        own.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert process_ended("entities", "list") == 1


@pytest.mark.parametrize("arguments", ["", "nope", "entities list --nope", "runs list --limit 0", "activate 1"])
def test_2_the_command_was_written_wrong(ended, arguments):
    assert ended(*arguments.split()) == 2


@pytest.fixture
def interruptible():
    """A child hears of an interrupt unless its parent ignores it, as one does that runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("catalog", "interruptible")
def test_130_a_person_has_interrupted_it():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://a:b@127.0.0.1:{listener.getsockname()[1]}/c"
        waiting = subprocess.Popen(
            [sys.executable, "-m", "rtb_optimizer", "entities", "list"],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": "include", "AIRFLOW_CONN_RTB_CATALOG": url},
            stderr=subprocess.PIPE,
        )
        listener.settimeout(60)
        with listener.accept()[0]:  # it has connected, and waits for an answer
            waiting.send_signal(signal.SIGINT)
            errors = waiting.communicate(timeout=60)[1]
    assert (waiting.returncode, b"Traceback" in errors) == (130, False)


def test_the_local_stack_s_own_commands_end_likewise(process_ended, tmp_path):
    module = {"module": "rtb_optimizer.local", "RTB_LOCAL_DIR": str(tmp_path)}
    assert process_ended("down", **module) == 0
    assert process_ended("status", **module) == 1
    assert process_ended("nope", **module) == 2
