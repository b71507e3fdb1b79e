"""A full disk where the engine spills: the error names it, the active run stays, and free space fixes it."""

import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from checkout import CHECKOUT
from nights import TaskFailed, run_tasks
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.errors import EngineFull
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import leases
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Run
from whole_run import assert_nothing_is_lost_or_recorded_twice, read_active

BY_TEXT = "SELECT text, COUNT(*) AS n FROM logs GROUP BY text ORDER BY text"


@pytest.fixture
def many_texts(tmp_path):
    """A file with so many texts that counting them by text takes more than 64 MB."""
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": [f"{n:064}" for n in range(600_000)]}), path)
    return str(path)


@contextmanager
def files_limited_to(size):
    """Every write past this size of a file fails, as on a full disk; in this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_spill_that_cannot_be_written_names_the_folder_and_what_to_do(many_texts):
    with DuckDBEngine(None, 2, 64) as engine:
        engine.open_logs([many_texts])
        with files_limited_to(1 << 16), pytest.raises(EngineFull) as full:
            engine.query(BY_TEXT)
        message = str(full.value)
        assert message.startswith('counting the logs failed: IO Error: Could not write file "')
        assert f"free disk in {tempfile.gettempdir()}, point TMPDIR elsewhere, or raise engine_memory_mb" in message
        assert engine.query(BY_TEXT).num_rows == 600_000, "with room it goes on"


def test_memory_that_does_not_suffice_even_with_a_disk_says_so(many_texts):
    with (
        DuckDBEngine(None, 2, 4) as engine,
        pytest.raises(EngineFull, match=r"Out of Memory Error: .* raise engine_memory_mb"),
    ):
        _counted(engine, many_texts)


def _counted(engine, path):
    engine.open_logs([path])
    return engine.query(BY_TEXT)


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """A file system without room for one more file, where temporary files go; freed by calling it."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a full disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield lambda: monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_fails_the_run_by_name_and_the_next_one_works(
    add_small, catalog, client, store, request_run, request
):
    add_small()
    active = run_tasks(request_run(dag_run_id="first"))
    free = request.getfixturevalue("full_disk")
    with pytest.raises(TaskFailed, match=r"select_features: .*No space left on device: '.*rtb_optimizer_spill_"):
        run_tasks(request_run(dag_run_id="second"), tries=2)
    assert read_active(catalog, client) == active
    free()
    opt_run_id = run_tasks(request_run(dag_run_id="third"))
    assert read_active(catalog, client) == opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


@pytest.fixture
def add_wide(add_entity, base_path, store):
    """A night whose every row is there twice: to tell the copies, the engine sorts more than its memory holds."""
    rows = 300_000
    table = pa.table(
        {
            "auction_id": [f"{n // 2:0128}" for n in range(rows)],
            "event_time": pa.array([datetime(2026, 3, 9, n % 24, tzinfo=UTC) for n in range(rows)]),
            "site": [n % 7 for n in range(rows)],
            "click": [int(n % (11 + n % 7) == 0) for n in range(rows)],
        }
    )
    body = io.BytesIO()
    pq.write_table(table, body, compression="zstd")
    for name, content in (("part-0.parquet", body.getvalue()), ("_SUCCESS", b"\n")):
        store.put_once(f"{split_url(base_path)[1]}/wide/date=2026-03-09/{name}", content)
    return lambda **config: add_entity(
        "wide",
        **{
            "logs_path": f"{base_path}/wide/date={{date}}/",
            "lookback_days": "1",
            "value_column": "",
            "cost_column": "",
            "candidate_features": "site",
            "anchor_features": "site",
            "drop_duplicates": "true",
            "max_duplicate_share": "1",
        }
        | config,
    )


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A file system of 16 MB where temporary files go; a call makes room elsewhere."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield lambda: monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_while_the_engine_spills_fails_the_run_and_the_next_one_works(
    add_wide, catalog, client, request_run, request
):
    add_wide(engine_memory_mb="128")
    active = run_tasks(request_run("wide", dag_run_id="first"))
    free = request.getfixturevalue("small_disk")
    with pytest.raises(TaskFailed) as failed:
        run_tasks(request_run("wide", dag_run_id="second"))

    assert isinstance(failed.value.problem, EngineFull)
    assert "failed to offload data block" in str(failed.value)  # it was spilling, and the disk had no room
    assert f"free disk in {tempfile.gettempdir()}" in str(failed.value)
    assert read_active(catalog, client, "wide") == active
    free()
    assert run_tasks(request_run("wide", dag_run_id="third")) == read_active(catalog, client, "wide")


WITHIN = """
import resource, sys
import duckdb, numpy, pandas, pyarrow.fs, pyarrow.parquet  # what a run imports takes address space, too
from rtb_optimizer.cli import app
from rtb_optimizer.store import connections
connections.s3_client()
size = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv.pop(1)) * 2**20,) * 2)
app.main()
"""


@pytest.fixture
def run_within(catalog):  # noqa: ARG001 - the process is one of this catalog
    """Run `rtb run` in a process that may take no more than some MB beside its own code, as in a small container."""

    def run(megabytes):
        words = [str(megabytes), "run", "wide", "--data-start", "2026-03-09", "--data-end", "2026-03-10"]
        return subprocess.run(
            [sys.executable, "-c", WITHIN, *words],
            env=os.environ | {"PYTHONPATH": f"{CHECKOUT}/include"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_container_without_memory_ends_the_run_and_the_next_one_works(
    add_wide, run_within, catalog, client, request_run, session, monkeypatch
):
    """Where an allocation fails the run says so; where the process dies of it, the sweep knows by its lease."""
    monkeypatch.setattr(leases, "RETAKEN_WITHIN_S", 0.1)
    monkeypatch.setattr(maintenance, "LEASED_WITHIN", timedelta(0))
    add_wide(engine_memory_mb="100000")
    active = run_tasks(request_run("wide", dag_run_id="first"))
    ended = run_within(96)
    recorded = ended.returncode == 1  # an error that the run recorded itself
    swept = maintenance.sweep_runs(lambda *_: "running")
    deadline = time.monotonic() + 30  # the database may learn a moment later that a process is gone
    while not recorded and not swept and time.monotonic() < deadline:
        time.sleep(0.1)
        swept = maintenance.sweep_runs(lambda *_: "running")
    last = session.scalars(select(Run).order_by(Run.run_id)).all()[-1]

    assert ended.returncode != 0, "the limit was never reached"
    assert last.run_id != active
    assert last.status == "failed"
    assert bool(swept) != recorded
    assert ("process on the command line has ended" if swept else "emory") in last.error_message
    assert read_active(catalog, client, "wide") == active
    assert run_tasks(request_run("wide", dag_run_id="third")) == read_active(catalog, client, "wide")
