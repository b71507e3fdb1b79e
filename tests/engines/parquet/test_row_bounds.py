"""A row group that lies in the window as a whole is counted without its times being read, and counts the same."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.parquet.row_groups import RowGroups, within

START, END = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
TIME = {"timestamp_column": "t", "cost_column": "paid"}
MICROS = pa.timestamp("us")


@pytest.fixture
def left_out(monkeypatch):
    """What was not read of each file: a list of columns by the file's position."""
    seen = {}
    read = RowGroups.read

    def spied(groups, place, without=()):
        seen[place[0]] = list(without)
        return read(groups, place, without)

    monkeypatch.setattr(RowGroups, "read", spied)
    return seen


def logs(first: datetime, kind=MICROS, **columns):
    times = [None if hour is None else first + timedelta(hours=hour) for hour in columns.pop("hours", range(6))]
    naive = [at if at is None or kind.tz else at.replace(tzinfo=None) for at in times]
    base = {"click": [1, 0, 0, 1, 0, 1], "site": list("abcabc"), "paid": [0.5] * 6, "t": pa.array(naive, kind)}
    return pa.table(base | columns)


def counted(opened, features=("site",), published=("a", "b")):
    engine, table = opened
    by_code = exact_counts(engine, table, {"term": features}, {"term": published}).statistics["term"]
    assert by_code == counts_in_sql(engine, table, {"term": features}, {"term": published}).statistics["term"]
    return by_code


@pytest.mark.parametrize(
    "kind",
    [MICROS, pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin")],
    ids=str,
)
def test_times_are_read_only_of_files_that_are_not_in_the_window_as_a_whole(open_logs, left_out, kind):
    files = {"a.parquet": logs(START, kind), "b.parquet": logs(START - timedelta(hours=3), kind)}

    by_site = counted(open_logs(files, **TIME))

    assert left_out == {0: ["t"], 1: []}
    assert {name: counts.rows for name, counts in by_site.items()} == {"a": 3, "b": 3, "__other__": 3}


@pytest.mark.parametrize("name", ["a b.parquet", "a[1].parquet", "a%20=\u00e9'.parquet", 'a"#.parquet'])
def test_the_statistics_of_a_file_are_used_whatever_its_name(open_logs, left_out, name):
    counted(open_logs({name: logs(START)}, **TIME))

    assert left_out == {0: ["t"]}


@pytest.mark.parametrize(
    ("columns", "config"),
    [
        ({"hours": [0, 1, None, 3, 4, 5]}, {}),
        ({}, {"row_filter": {"t": ["2026-03-06 01:00:00"]}}),
        (
            {"in": ["USD", "EUR"] * 3},
            {"currency_column": "in", "currency_rates": {"USD": 1, "EUR": {"2026-03-06": 1.1}}},
        ),
        ({"kind": pa.timestamp("ns")}, {}),
    ],
    ids=["a row without a time", "a filter on the time", "rates by day", "nanoseconds"],
)
def test_times_that_are_needed_or_not_surely_known_are_read(open_logs, left_out, columns, config):
    counted(open_logs({"a.parquet": logs(START, **columns)}, **TIME, **config))

    assert left_out == {0: []}


def test_a_time_that_is_itself_a_feature_is_read(open_logs, left_out):
    counted(open_logs({"a.parquet": logs(START)}, **TIME), features=("t",), published=("2026-03-06 01:00:00",))

    assert left_out == {0: []}


def test_batches_that_only_sql_can_measure_need_no_time_either(open_logs, left_out):
    config = {"row_filter": {"site": ["a", "b"]}}

    by_site = counted(open_logs({"a.parquet": logs(START, paid=[0.5, None, 0.25, 1.0, 2.0, 4.0])}, **TIME, **config))

    assert left_out == {0: ["t"]}
    assert by_site["a"].cost == 1.5
    assert "__other__" not in by_site


@pytest.mark.parametrize(
    ("bounds", "inside"),
    [
        ((START, END - timedelta(seconds=1)), True),
        ((START - timedelta(seconds=1), END - timedelta(seconds=1)), False),
        ((START, END), False),
    ],
    ids=["just the window", "a second too early", "the window's end, which is not of it"],
)
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_a_window_has_its_start_and_not_its_end(bounds, inside, unit):
    lowest, highest = (int(at.timestamp()) * 1_000_000 for at in bounds)

    assert within((lowest, highest), pa.timestamp(unit), START, END) is inside


def test_whole_numbers_are_no_times():
    assert not within((int(START.timestamp()), int(START.timestamp())), pa.int64(), START, END)
