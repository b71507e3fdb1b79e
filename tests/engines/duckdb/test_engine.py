"""DuckDB reads the logs, reports errors in one line, and stays within its bounds."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine, literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE
from rtb_optimizer.errors import EngineFull, LogsInvalid


@pytest.fixture
def engine():
    """An engine of modest size on the local disk."""
    with DuckDBEngine(LocalFileSystem(), 2, 256) as opened:
        yield opened


def written(folder: Path, name: str, **columns) -> str:
    """Write one Parquet file; return its URL."""
    pq.write_table(pa.table(columns), folder / name)
    return f"local://{folder / name}"


def rows(engine, sql):
    return engine.query(sql).to_pylist()


def test_files_that_differ_in_their_columns_are_read_by_name_and_gaps_are_null(engine, tmp_path):
    urls = [
        written(tmp_path, "1.parquet", click=[1], site=["a"]),
        written(tmp_path, "2.parquet", site=["b"], carrier=["x"], click=[0]),
    ]
    columns = engine.open_logs(urls)

    assert set(columns) == {"click", "site", "carrier"}
    assert rows(engine, "SELECT site, carrier, click FROM logs ORDER BY site") == [
        {"site": "a", "carrier": None, "click": 1},
        {"site": "b", "carrier": "x", "click": 0},
    ]


def test_a_column_that_changed_its_type_is_read_as_the_wider_one(engine, tmp_path):
    urls = [
        written(tmp_path, "1.parquet", click=pa.array([1], pa.int32())),
        written(tmp_path, "2.parquet", click=pa.array([0.5], pa.float64())),
    ]

    assert engine.open_logs(urls)["click"] == "DOUBLE"
    assert rows(engine, "SELECT SUM(click) AS n FROM logs") == [{"n": 1.5}]


def test_a_column_of_the_folders_name_is_not_invented(engine, tmp_path):
    (tmp_path / "date=2026-03-09").mkdir()
    url = written(tmp_path / "date=2026-03-09", "1.parquet", click=[1])

    assert set(engine.open_logs([url])) == {"click"}
    assert rows(engine, f"SELECT {SOURCE_FILE} FROM logs") == [{SOURCE_FILE: url}]


@pytest.mark.parametrize("name", ["part[1].parquet", "a*.parquet", "it's.parquet", "a b.parquet"])
def test_a_file_is_read_by_its_name_even_when_that_looks_like_a_pattern(engine, tmp_path, name):
    url = written(tmp_path, name, click=[1])
    written(tmp_path, "ab.parquet", click=[2])
    written(tmp_path, "part1.parquet", click=[3])
    engine.open_logs([url])

    assert rows(engine, "SELECT click FROM logs") == [{"click": 1}]


def test_opening_other_files_replaces_the_first(engine, tmp_path):
    for n in (1, 2):
        engine.open_logs([written(tmp_path, f"{n}.parquet", click=[n])])

        assert rows(engine, "SELECT click FROM logs") == [{"click": n}]


@pytest.mark.parametrize("left", [0, 4, 100, -1, -30])
def test_a_truncated_file_is_reported_in_one_line(engine, tmp_path, left):
    url = written(tmp_path, "1.parquet", click=list(range(1000)))
    path = tmp_path / "1.parquet"
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(LogsInvalid) as broken:
        engine.open_logs([url])

    assert "\n" not in str(broken.value)
    assert "1.parquet" in str(broken.value)


def test_a_file_that_is_broken_in_the_middle_is_reported_when_it_is_counted(engine, tmp_path):
    url = written(tmp_path, "1.parquet", text=[f"{n:0100d}" for n in range(5000)])
    path = tmp_path / "1.parquet"
    body = bytearray(path.read_bytes())
    body[100:4000] = bytes(3900)
    path.write_bytes(bytes(body))
    engine.open_logs([url])

    with pytest.raises(LogsInvalid, match=r"^counting the logs failed: [^\n]+$"):
        engine.query("SELECT SUM(LENGTH(text)) AS x FROM logs")


def test_a_file_that_is_gone_is_reported_by_name(engine, tmp_path):
    with pytest.raises(LogsInvalid, match=r"^the log files cannot be read: [^\n]*gone\.parquet"):
        engine.open_logs([f"local://{tmp_path}/gone.parquet"])


def test_a_value_of_another_type_is_reported_and_not_a_traceback_of_the_engine(engine, tmp_path):
    engine.open_logs([written(tmp_path, "1.parquet", click=["yes"])])

    with pytest.raises(LogsInvalid, match="Could not convert string 'yes'"):
        engine.query("SELECT CAST(click AS DOUBLE) AS x FROM logs")


@pytest.mark.parametrize("text", ["plain", "it's", "''", "; DROP", "\\'", "a\nb", '"'])
def test_a_literal_is_read_back_as_it_was(engine, text):
    assert rows(engine, f"SELECT {literal(text)} AS x") == [{"x": text}]


@pytest.mark.parametrize("name", ["plain", 'a"b', '""', "select", "; DROP", "it's", "ä"])
def test_a_quoted_identifier_is_read_back_as_it_was(engine, name):
    assert rows(engine, f"SELECT 1 AS {engine.dialect.identifier(name)}") == [{name: 1}]


def test_what_does_not_fit_in_memory_is_spilled_and_the_answer_is_the_same(tmp_path):
    url = written(
        tmp_path, "1.parquet", id=[f"{n * 2654435761 % 2**32:064d}" for n in range(400_000)], click=[1] * 400_000
    )
    statement = "SELECT id, COUNT(*) AS n FROM logs GROUP BY id ORDER BY id LIMIT 3"
    sorted_rows = (
        "SELECT COUNT(*) AS n, MAX(r) AS last FROM (SELECT ROW_NUMBER() OVER (ORDER BY id DESC) AS r FROM logs)"
    )
    answers = []
    for memory_mb in (64, 1024):
        with DuckDBEngine(LocalFileSystem(), 2, memory_mb) as engine:
            engine.open_logs([url])
            answers.append((rows(engine, statement), rows(engine, sorted_rows)))
            limit = rows(engine, "SELECT current_setting('memory_limit') AS x")[0]["x"]
            assert limit == {64: "61.0 MiB", 1024: "976.5 MiB"}[memory_mb]

    assert answers[0] == answers[1]
    assert answers[0][1] == [{"n": 400_000, "last": 400_000}]


def test_memory_that_is_far_too_small_is_reported_in_one_line(tmp_path):
    url = written(tmp_path, "1.parquet", id=[f"{n:0200d}" for n in range(50_000)])
    with DuckDBEngine(LocalFileSystem(), 1, 4) as engine:
        engine.open_logs([url])
        with pytest.raises(EngineFull, match=r"^[^\n]*Memory[^\n]*raise engine_memory_mb$"):
            engine.query("SELECT LIST(id ORDER BY id) AS x FROM logs")


def test_the_folder_for_spilling_is_gone_with_the_engine():
    with DuckDBEngine(LocalFileSystem(), 1, 64) as engine:
        spill = Path(engine._spill.path)
        assert spill.is_dir()

    assert not spill.exists()


def test_threads_are_as_many_as_configured():
    with DuckDBEngine(LocalFileSystem(), 3, 64) as engine:
        assert rows(engine, "SELECT current_setting('threads') AS n") == [{"n": 3}]


def test_no_extension_is_ever_downloaded(engine):
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert rows(engine, f"SELECT current_setting('{setting}') AS x") == [{"x": False}]
