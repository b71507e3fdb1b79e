"""Plain batches are measured by arrays with the results of SQL; whatever is not plain is left to SQL."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from rtb_optimizer.engines.exact.counts import ReadsRowGroups
from rtb_optimizer.engines.exact.measuring import plain_measures

MONEY = [0.0, 0.1, 0.0000005, 0.00000049, -0.0000005, -2.5, 1e6]
COLUMNS = {"paid": "cost_column", "earned": "value_column", "imps": "exposure_column"}


def batch_of(engine, table):
    groups = engine.row_groups(table.row_columns)
    assert isinstance(engine, ReadsRowGroups)
    assert groups is not None
    return next(iter(groups.read(next(iter(groups.bounds)))))


def measured_both_ways(opened):
    engine, table = opened
    batch = batch_of(engine, table)
    return plain_measures(table, batch), engine.measure(table.measures(), batch)


@pytest.mark.parametrize(
    ("columns", "config"),
    [
        ({"click": [1, 0] * 3 + [1]}, {}),
        ({"click": [3, -1, 0, 2, 5, 1, 0], "imps": [2, 2, 0, -1, 9, 1, 1]}, {"exposure_column": "imps"}),
        ({"click": [0.5, 1.0, 0.0, 1.5, 2.0, 0.0, 1.0], "paid": MONEY}, {"cost_column": "paid"}),
        ({"click": [1] * 7, "paid": pa.array(MONEY, pa.float32()), "earned": MONEY}, {"cost_column": "paid"}),
        ({"click": [1] * 7, "earned": [1, 2, 3, 4, 5, 6, 7]}, {"value_column": "earned"}),
        (
            {"click": [1] * 7, "t": pa.array([datetime(2026, 3, d) for d in range(4, 11)], pa.timestamp("us"))},  # noqa: DTZ001
            {"timestamp_column": "t"},
        ),
    ],
    ids=["clicks", "counts that contradict themselves", "fractions", "single precision", "whole money", "a window"],
)
def test_a_plain_batch_measures_as_sql_does(open_logs, columns, config):
    plain, in_sql = measured_both_ways(open_logs(columns, **config))

    assert plain is not None
    for name in in_sql:
        assert np.array_equal(plain[name], in_sql[name]), name


@pytest.mark.parametrize(
    ("columns", "config"),
    [
        ({"click": [1, None]}, {}),
        ({"click": [True, False]}, {}),
        ({"click": ["1", "0"]}, {}),
        ({"click": [1.0, float("nan")]}, {}),
        ({"click": [1, 0], "paid": [1e13, 1.0]}, {"cost_column": "paid"}),
        ({"click": [1, 0], "paid": [10**13, 1]}, {"cost_column": "paid"}),
        ({"click": [1, 0], "paid": [-(2**63), 1]}, {"cost_column": "paid"}),
        ({"click": [1, 0], "w": [2, 3]}, {"weight_column": "w"}),
        ({"click": [1, 0], "paid": [1.0, 2.0], "bid": [3.0, 1.0]}, {"cost_column": "paid", "bid_column": "bid"}),
        (
            {"click": [1, 0], "paid": [1.0, 2.0], "in": ["USD", "EUR"]},
            {"cost_column": "paid", "currency_column": "in", "currency_rates": {"USD": 1, "EUR": 1.1}},
        ),
        ({"click": [1, 0], "site": ["a", "b"]}, {"row_filter": {"site": ["a"]}}),
        ({"click": [1, 0], "t": [datetime(2026, 3, 7, tzinfo=UTC)] * 2}, {"timestamp_column": "t"}),
        ({"click": [1, 0], "t": ["2026-03-07", "2026-03-08"]}, {"timestamp_column": "t"}),
    ],
    ids=[
        *("absent", "booleans", "texts", "nan", "too large", "whole and too large", "the lowest number there is"),
        *("weights", "prices above the bid", "currencies"),
        *("a filter", "zoned times", "times as texts"),
    ],
)
def test_what_is_not_plain_is_left_to_sql(open_logs, columns, config):
    engine, table = open_logs(columns, **config)

    assert plain_measures(table, batch_of(engine, table)) is None


def test_files_that_differ_in_a_column_are_left_to_sql(open_logs):
    one, other = pa.table({"click": [1], "site": ["a"]}), pa.table({"click": [1], "site": [7]})
    for second in (other, pa.table({"click": [1]})):
        engine, _ = open_logs({"a.parquet": one, "b.parquet": second})

        assert engine.row_groups(["click", "site"]) is None
