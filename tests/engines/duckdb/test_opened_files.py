"""DuckDB's questions about a file are answered from its opening."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.duckdb.shared_files import OpenedFiles, SharedFiles
from rtb_optimizer.errors import LogsInvalid

SUM = "SELECT SUM(a)::BIGINT AS a FROM logs"


def test_an_opened_file_has_the_size_and_the_time_that_its_file_system_says(tmp_path):
    filesystem, path = LocalFileSystem(), str(tmp_path / "log")
    (tmp_path / "log").write_bytes(b"12345")
    info = filesystem.get_file_info(path)
    files = OpenedFiles(SharedFiles(filesystem))

    with files.open(f"local://{path}"):
        assert files.size(path) == info.size
        assert files.modified(path) == info.mtime


def test_a_file_that_was_written_again_is_read_again(tmp_path):
    target = tmp_path / "log.parquet"
    with DuckDBEngine(LocalFileSystem(), threads=2, memory_mb=256) as engine:
        sums = []
        for n in (1, 2):
            pq.write_table(pa.table({"a": [n]}), target)
            os.utime(target, (n, n))
            engine.open_logs([f"local://{target}"])
            sums += engine.query(SUM).to_pylist()

    assert sums == [{"a": 1}, {"a": 2}]


def test_a_file_that_is_gone_is_named(tmp_path):
    target = tmp_path / "log.parquet"
    pq.write_table(pa.table({"a": [1]}), target)
    with DuckDBEngine(LocalFileSystem(), threads=2, memory_mb=256) as engine:
        engine.open_logs([f"local://{target}"])
        target.unlink()

        with pytest.raises(LogsInvalid, match=r"log\.parquet"):
            engine.query(SUM)


def test_wildcards_match_the_files_that_there_are(tmp_path):
    for name in ("a.parquet", "b.parquet", "c.txt"):
        (tmp_path / name).touch()
    files = OpenedFiles(SharedFiles(LocalFileSystem()))

    assert files.glob(f"{tmp_path}/*.parquet") == [f"{tmp_path}/a.parquet", f"{tmp_path}/b.parquet"]
    assert files.glob(f"{tmp_path}/[a].parquet") == [f"{tmp_path}/a.parquet"]
