"""Threads that read one file at once each get the bytes they requested."""

import threading
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.duckdb.shared_files import SharedFiles
from rtb_optimizer.errors import LogsInvalid

BLOCK = 4096


@pytest.fixture
def numbered(tmp_path):
    """A file whose every block holds its own number."""
    target = tmp_path / "numbered"
    target.write_bytes(b"".join(n.to_bytes(4, "big") * (BLOCK // 4) for n in range(500)))
    return SharedFiles(LocalFileSystem()).open_input_file(str(target))


def test_a_position_belongs_to_its_thread(numbered):
    numbered.seek(7 * BLOCK)
    other = threading.Thread(target=lambda: numbered.seek(3 * BLOCK))
    other.start()
    other.join()

    assert numbered.tell() == 7 * BLOCK
    assert numbered.read(4) == (7).to_bytes(4, "big")
    assert numbered.tell() == 7 * BLOCK + 4


def test_many_threads_that_seek_and_read_get_their_own_bytes(numbered):
    wrong = []

    def read(seed):
        for n in np.random.default_rng(seed).integers(0, 500, 2_000):
            numbered.seek(int(n) * BLOCK)
            if numbered.read(BLOCK) != int(n).to_bytes(4, "big") * (BLOCK // 4):
                wrong.append(n)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.parametrize(("whence", "offset", "position"), [(0, 10, 10), (1, 5, 25), (2, -4, 500 * BLOCK - 4)])
def test_positions_count_from_the_start_from_here_and_from_the_end(numbered, whence, offset, position):
    numbered.seek(20)

    assert numbered.seek(offset, whence) == position


def test_a_file_of_many_row_groups_is_counted_right_by_many_threads(tmp_path):
    rows = 1_000_000
    numbers = np.random.default_rng(5).integers(0, 2**40, rows)
    target = tmp_path / "many.parquet"
    pq.write_table(pa.table({"a": numbers, "b": numbers[::-1].copy()}), target, row_group_size=20_000)

    with DuckDBEngine(LocalFileSystem(), threads=8, memory_mb=512) as engine:
        engine.open_logs([f"local://{target}"])  # a plain path DuckDB would read by itself
        sums = [
            engine.query("SELECT SUM(a) AS a, SUM(b) AS b, COUNT(*) AS n FROM logs").to_pylist()[0] for _ in range(5)
        ]

    assert {(int(s["a"]), int(s["b"]), s["n"]) for s in sums} == {(int(numbers.sum()), int(numbers.sum()), rows)}


class OnePosition:
    """A file system whose files refuse to be positioned: what every thread would share must not be used."""

    def __getattr__(self, name):
        return getattr(LocalFileSystem(), name)

    def open_input_file(self, path):
        file = LocalFileSystem().open_input_file(path)
        return SimpleNamespace(
            size=file.size, metadata=file.metadata, read_at=file.read_at, close=file.close, closed=False, mode="rb"
        )


def test_the_engine_never_uses_the_position_that_threads_would_share(tmp_path):
    target = tmp_path / "one.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3]}), target)

    with DuckDBEngine(OnePosition(), threads=2, memory_mb=512) as engine:
        engine.open_logs([f"local://{target}"])  # a plain path DuckDB would read by itself

        assert engine.query("SELECT SUM(a) AS a FROM logs").to_pylist() == [{"a": 6}]


def test_what_python_could_not_read_is_reported_by_its_message_not_by_its_traceback(tmp_path):
    with DuckDBEngine(OnePosition(), threads=1, memory_mb=512) as engine, pytest.raises(LogsInvalid) as caught:
        engine.open_logs([f"local://{tmp_path}/nowhere.parquet"])

    assert "nowhere.parquet" in str(caught.value)
    assert "Traceback" not in str(caught.value)
