"""A full disk where the engine spills: the error names it, the active run stays, and free space fixes it."""

import resource
import subprocess
import tempfile
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nights import TaskFailed, run_tasks
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.errors import EngineFull
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
