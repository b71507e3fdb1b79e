"""Rows outside the days of their files are counted, however many times there are, and however far away."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from rtb_optimizer.engines.passes.arrivals import arrivals

MINUTES = 4 * 24 * 60  # of the window


@pytest.fixture
def fetched(monkeypatch):
    """How many rows each statement has answered with."""
    from rtb_optimizer.engines.duckdb.engine import DuckDBEngine

    rows, query = [], DuckDBEngine.query

    def counting(*arguments):
        answer = query(*arguments)
        rows.append(answer.num_rows)
        return answer

    monkeypatch.setattr(DuckDBEngine, "query", counting)
    return rows


def test_what_is_kept_of_times_is_bounded_by_the_window_and_not_by_the_rows(open_logs, fetched):
    far = np.datetime64("1971-01-01", "us") + np.arange(50_000).astype("timedelta64[h]")
    inside = np.datetime64("2026-03-06", "us") + np.arange(10_000).astype("timedelta64[s]")
    times = pa.array(np.concatenate([far, inside]))
    engine, table = open_logs({"date=2026-03-06/part-0.parquet": {"t": times}}, timestamp_column="t")
    [warning] = arrivals(engine, table).warnings

    assert (warning.code, warning.rows) == ("outside_window", 50_000)
    assert "from 1971-01-01 00:00 to 1976-09-14 07:00: not counted" in warning.message
    assert max(fetched) <= MINUTES


def test_years_that_no_calendar_holds_are_reported_like_any_other(open_logs):
    times = pa.array(np.array(["-20000-01-01", "2026-03-06T10:00", "200000-01-01"], dtype="datetime64[us]"))
    engine, table = open_logs({"date=2026-03-06/part-0.parquet": {"t": times}}, timestamp_column="t")
    [warning] = arrivals(engine, table).warnings

    assert warning.rows == 2
    assert "to 200000-01-01 00:00" in warning.message


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()], ids=str)
def test_rows_without_a_time_are_distinguished_from_those_of_other_days(open_logs, kind):
    own = datetime(2026, 3, 6, 12, tzinfo=UTC)
    times = [None] * 3 + [own] * 5 + [own + timedelta(days=9)] * 2
    column = pa.array([time and time.replace(tzinfo=None) for time in times]).cast(kind)
    engine, table = open_logs({"date=2026-03-06/part-0.parquet": {"t": column}}, timestamp_column="t")
    warnings = {warning.code: (warning.rows, warning.share) for warning in arrivals(engine, table).warnings}

    assert warnings == {"without_time": (3, 0.3), "outside_window": (2, 0.2)}


def test_logs_of_nothing_but_their_own_days_have_no_warning(open_logs):
    times = pa.array([datetime(2026, 3, 6), datetime(2026, 3, 9, 23, 59, 59, 999_999)])  # noqa: DTZ001 - as logs hold it
    engine, table = open_logs({"date=2026-03-06/part-0.parquet": {"t": times}}, timestamp_column="t")

    assert arrivals(engine, table).warnings == ()


def test_rows_that_the_filter_leaves_out_are_neither_reported_nor_counted(open_logs):
    own, other = datetime(2026, 3, 6, 12, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
    logs = {"t": pa.array([own] * 3 + [other] * 5, pa.timestamp("us", "UTC")), "site": list("aaabbbba")}
    engine, table = open_logs(
        {"date=2026-03-06/part-0.parquet": logs}, timestamp_column="t", row_filter={"site": ["a"]}
    )
    [warning] = arrivals(engine, table).warnings

    assert (warning.code, warning.rows, warning.share) == ("outside_window", 1, 0.25)
