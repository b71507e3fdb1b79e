"""A damaged or replaced file is refused by its name, and never ends the process."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from checkout import CHECKOUT
from rtb_optimizer.core.config.window import dates_of, zone
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.duckdb.failures import MAX_CAUSE
from rtb_optimizer.engines.exact.counts import exact_counts
from rtb_optimizer.engines.parquet.row_groups import RowGroups
from rtb_optimizer.engines.passes.legibility import require_legible
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.sql.columns import require_columns
from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.run.choose_features import choose_features

ROWS = 4_000
SITES = {"candidate_features": "site", "anchor_features": "site"}


def logs(rows=ROWS):
    """Rows without compression or dictionary, so that their bytes can be found and changed."""
    return pa.table({"click": [n % 2 for n in range(rows)], "site": [f"site{n % 7}" for n in range(rows)]})


def overwrite(path: Path, body: bytes) -> None:
    path.write_bytes(body)


def zeroed(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:40] + bytes(middle) + body[40 + middle :]


def another(body: bytes) -> bytes:
    """A healthy file of other columns."""
    assert body
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"click": [1], "country": ["de"]}), sink)
    return sink.getvalue().to_pybytes()


def no_text(body: bytes) -> bytes:
    return body.replace(b"site3", b"s\xff\xfe\xff3")


@pytest.mark.parametrize("broken", [lambda b: b[:-20], lambda b: b[:100], lambda _b: b"", zeroed, no_text])
def test_a_file_that_breaks_between_sampling_and_counting_is_named(open_logs, tmp_path, broken):
    engine, table = open_logs({"part-0.parquet": logs()}, **SITES)
    groups = engine.row_groups(["click", "site"])
    path = tmp_path / "part-0.parquet"
    pq.write_table(logs(), path, compression="none", use_dictionary=False)
    overwrite(path, broken(path.read_bytes()))

    with pytest.raises(LogsInvalid) as raised:
        exact_counts(engine, table, {"site": ["site"]}, {"site": ["site1"]})

    assert groups is not None
    assert "part-0.parquet" in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_file_that_was_replaced_by_another_is_reported_by_name_while_it_is_read(open_logs, tmp_path):
    engine, _ = open_logs({"part-0.parquet": logs()}, **SITES)
    groups = engine.row_groups(["click", "site"])
    overwrite(tmp_path / "part-0.parquet", another(b"x"))

    with pytest.raises(LogsInvalid, match=r"part-0\.parquet cannot be read: .*was it replaced while"):
        list(groups.read((0, 0)))


def test_a_page_that_does_not_match_its_checksum_is_named_where_rows_are_counted(open_logs, tmp_path):
    """One value became another: nothing but the checksum that the writer left tells it."""
    engine, table = open_logs({"part-0.parquet": logs()}, **SITES)
    groups, path = engine.row_groups(["click", "site"]), tmp_path / "part-0.parquet"
    pq.write_table(logs(), path, compression="none", use_dictionary=False, write_page_checksum=True)
    overwrite(path, path.read_bytes().replace(b"site3", b"site4", 1))

    with pytest.raises(LogsInvalid, match=r"part-0.parquet cannot be read: .*(CRC|checksum)"):
        list(groups.read((0, 0)))
    assert table.types["site"] == "VARCHAR"


def test_a_text_column_with_other_bytes_is_named(open_logs):
    raw = pa.array([b"a", b"\xff\xfe"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    engine, _ = open_logs({"click": [0, 1], "site": ["x", "y"], "device": text})

    with pytest.raises(LogsInvalid, match=r"column 'device' is declared as text and holds bytes that are not UTF-8"):
        engine.query("SELECT device, COUNT(*) AS n FROM logs GROUP BY device")


def test_a_failure_of_the_store_is_not_blamed_on_the_file(monkeypatch, open_logs):
    engine, _ = open_logs({"part-0.parquet": logs()}, **SITES)
    groups = engine.row_groups(["click"])

    def unreachable(_self, _path):
        raise OSError("When reading information for key 'x': AWS Error NETWORK_CONNECTION during HeadObject")

    monkeypatch.setattr(RowGroups, "filesystem", type("Gone", (), {"open_input_file": unreachable})(), raising=False)
    with pytest.raises(StoreFailed, match="NETWORK_CONNECTION"):
        list(groups.read((0, 0)))


def test_of_many_files_the_broken_one_is_named(tmp_path):
    urls = []
    for n in range(3):
        path = tmp_path / f"{n}.parquet"
        pq.write_table(logs(), path)
        urls.append(f"local://{path}")
    body = bytearray((tmp_path / "1.parquet").read_bytes())
    footer = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    body[footer : footer + 40] = b"\xff" * 40
    overwrite(tmp_path / "1.parquet", bytes(body))

    with DuckDBEngine(LocalFileSystem(), 1, 128) as engine, pytest.raises(LogsInvalid, match=r"/1\.parquet"):
        engine.open_logs(urls)


def test_values_beyond_a_file_s_statistics_are_reported_and_end_no_process(tmp_path):
    done = subprocess.run(
        [sys.executable, CHECKOUT / "tests" / "support" / "beyond_statistics.py", tmp_path / "part-0.parquet"],
        env={"PYTHONPATH": f"{CHECKOUT}/include:{CHECKOUT}/tests/support", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "column 'ts' has rows of 1970-01-01, outside of the window, in a file whose statistics exclude them: "
        "the file is damaged\n"
    )


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([{"a": 1}] * 8), "STRUCT(a BIGINT)"),
        (pa.array([[1, 2]] * 8), "BIGINT[]"),
        (pa.array([[("k", 1)]] * 8, pa.map_(pa.string(), pa.int64())), "MAP(VARCHAR, BIGINT)"),
    ],
)
@pytest.mark.parametrize(
    ("name", "key", "config"),
    [
        ("site", "candidate_features", {"candidate_features": "site"}),
        ("device", "anchor_features", {"anchor_features": "device"}),
        ("click", "outcome_column", {}),
        ("price", "cost_column", {"cost_column": "price"}),
    ],
)
def test_a_column_of_lists_or_records_is_refused_with_its_type_and_the_key_that_names_it(
    open_logs, column, kind, name, key, config
):
    _, table = open_logs({"click": [0, 1] * 4, "site": ["a"] * 8} | {name: column}, **config)

    with pytest.raises(LogsInvalid) as refused:
        require_columns(table)

    assert f"{name!r} ({key}) is {kind}" in str(refused.value)


def test_a_nested_column_that_nothing_reads_is_ignored(open_logs):
    _, table = open_logs({"click": [0, 1], "site": ["a", "b"], "bids": [[1], [2]]})

    require_columns(table)


def test_what_an_error_quotes_of_the_logs_is_printable_and_short(open_logs):
    engine, table = open_logs({"click": ["\x1b[2J\x00\u202e" + "x" * 10_000], "site": ["a"]})

    with pytest.raises(LogsInvalid) as raised:
        require_legible(engine, table)

    assert "such as '\\x1b[2J" in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < MAX_CAUSE + 200


def test_logs_whose_every_row_is_held_out_are_too_few(open_logs):
    for n in range(200):  # whether the one row is held out depends on the hash of its id
        engine, table = open_logs({"click": [1], "site": ["s"], "id": [n]}, **SITES, row_id_columns=["id"])
        try:
            choose_features(engine, table, profile(engine, table))
        except LogsInvalid as refused:
            assert str(refused).startswith("1 rows are too few: all that were drawn are held out")  # noqa: PT017
            return
    pytest.fail("no row was held out")


def test_a_day_beside_the_window_is_let_pass_for_the_engine_s_own_time_zone_rules(open_logs):
    engine, table = open_logs({"click": [1, 0], "site": ["a", "b"]})
    days = dates_of(table.window, zone(table.settings.timezone))

    assert set(profile(engine, table).rows_by_day) <= set(days)


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
@pytest.mark.parametrize("measure", ["cost", "value", "exposure"])
def test_sums_that_64_bits_do_not_hold_are_refused_by_column(open_logs, kind, measure):
    columns = {"click": [1, 0, 0], "site": ["a", "b", "a"], "much": pa.array([8_000_000_000_000] * 3, kind)}
    engine, table = open_logs(columns, **{f"{measure}_column": "much"})

    with pytest.raises(
        LogsInvalid, match=rf"^column 'much' \({measure}\) adds up to 2\.40e\+13, and no more than 9.22e"
    ):
        profile(engine, table)
