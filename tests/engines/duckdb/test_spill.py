"""What killed processes leave on the disk: the next engine takes it away, and nothing that is in use."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.duckdb.spill import PREFIX

LONG_AGO = 1_700_000_000
HOLD = """
import sys
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
with DuckDBEngine(None, 1, 100) as engine:
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def another_process(folder):
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout.readline() == "open\n"
        [spilled] = spill_folders(folder)
        Path(spilled, "spilled").write_bytes(b"rows")
        os.utime(spilled, (LONG_AGO, LONG_AGO))
        yield process, spilled
        process.kill()


def spill_folders(folder):
    return sorted(folder.glob(f"{PREFIX}*"))


def test_an_engine_removes_what_a_killed_process_spilled(folder, another_process):
    process, spilled = another_process
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert spilled.exists()
    with DuckDBEngine(None, 1, 100):
        assert not spilled.exists()
    assert spill_folders(folder) == []


def test_an_engine_leaves_what_a_living_process_spills(folder, another_process):
    _, spilled = another_process
    with DuckDBEngine(None, 1, 100):
        assert len(spill_folders(folder)) == 2
    assert (spilled / "spilled").exists()


def test_a_folder_that_was_only_just_made_is_left(folder):
    (folder / f"{PREFIX}young").mkdir()
    with DuckDBEngine(None, 1, 100):
        assert (folder / f"{PREFIX}young").exists()
