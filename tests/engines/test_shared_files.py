"""Threads that read one file at once each get the bytes they asked for."""

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.engines.duckdb_engine import DuckDBEngine
from rtb_optimizer.engines.shared_files import SharedFiles

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


def test_many_threads_that_seek_and_read_get_what_they_asked_for(numbered):
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
    rows = 400_000
    numbers = np.random.default_rng(5).integers(0, 2**40, rows)
    target = tmp_path / "many.parquet"
    pq.write_table(
        pa.table({"a": numbers, "b": numbers[::-1].copy()}), target, row_group_size=2_048, compression="none"
    )

    with DuckDBEngine(LocalFileSystem(), threads=8, memory_mb=512) as engine:
        engine.open_logs([str(target)])
        sums = [
            engine.query("SELECT SUM(a) AS a, SUM(b) AS b, COUNT(*) AS n FROM logs").to_pylist()[0] for _ in range(5)
        ]

    assert {(int(s["a"]), int(s["b"]), s["n"]) for s in sums} == {(int(numbers.sum()), int(numbers.sum()), rows)}
