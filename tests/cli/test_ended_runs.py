"""A run of the command line that is ended says so, however it is ended."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from checkout import CHECKOUT
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import leases

WINDOW = ("--data-start", "2026-03-06", "--data-end", "2026-03-10")


@pytest.fixture
def begun(add_entity, logs, catalog):  # noqa: ARG001 - the entity is over these logs
    """Start a run in a process of its own; returns the process and what reads its row, once there is one."""
    add_entity()
    process = subprocess.Popen(
        [sys.executable, "-m", "rtb_optimizer", "run", "drugs_com", *WINDOW],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": "include"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with psycopg.connect(catalog, autocommit=True) as server:

        def row():
            return server.execute("SELECT status, error_message FROM opt_runs").fetchone()

        held = """
            SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND datname = current_database()
            WHERE locktype = 'advisory'
        """
        deadline = time.monotonic() + 60
        while row() is None or server.execute(held).fetchone() is None:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process, row
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_told_to_end_is_recorded_as_failed_with_the_reason(begun, number, code):
    process, row = begun
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1].decode()
    status, message = row()
    assert (process.returncode, status) == (code, "failed")
    assert f"Ended: {number.name} was received" in message
    assert f"ended: {number.name} was received" in errors
    assert "Traceback" not in errors


def test_a_run_whose_process_is_killed_is_found_by_its_lease(begun, catalog, monkeypatch):
    process, row = begun
    monkeypatch.setattr(leases, "RETAKEN_WITHIN_S", 0.1)
    with psycopg.connect(catalog, autocommit=True) as server:
        server.execute("UPDATE opt_runs SET started_at = now() - interval '2 minutes'")
    assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 0
    process.kill()
    process.wait()
    assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 1
    assert row()[0] == "failed"
