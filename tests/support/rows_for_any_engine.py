"""Rows that engines count alike only if they read numbers, texts, times and NULL alike; how answers are compared."""

import csv
import io
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
import pyarrow as pa

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.sql.grouping import grouping, parts_of_sets

START = datetime(2026, 3, 6, tzinfo=UTC)
DAYS = [Window(START + timedelta(days=n), START + timedelta(days=n + 1)) for n in range(4)]
WINDOW = Window(START + timedelta(hours=7), START + timedelta(days=3, hours=5))
ROWS = 3_000
SITES = ["news", "späße \U0001f600", "a|b", "a'b", '"', "Ω", "", " news", "NULL", "\\", "a\nb", None]
FEATURES = [("site",), ("price_level",), ("adspace",), ("mobile",), ("site", "adspace"), ("price_level", "carrier")]


def day_of_logs(day: int) -> pa.Table:
    """One day's rows: prices that end in half a micro, and values that are absent or no number."""
    draw = np.random.default_rng(day)
    site = draw.choice(np.array(SITES, dtype=object), ROWS)
    paid = draw.integers(0, 9_000_000, ROWS) / 2e6  # every other is half of a millionth
    earned = np.where(draw.random(ROWS) < 0.01, np.nan, draw.gamma(0.3, 0.01, ROWS) - 0.001)
    imps = draw.integers(0, 40, ROWS)
    columns = {
        "t": [START + timedelta(days=day, microseconds=int(n)) for n in draw.integers(0, 86_400_000_000, ROWS)],
        "site": pa.array(site, pa.string()),
        "adspace": pa.array(draw.integers(-3, 12, ROWS), pa.int32(), mask=draw.random(ROWS) < 0.05),
        "price_level": np.where(draw.random(ROWS) < 0.02, np.nan, draw.integers(-4, 9, ROWS) / 4 + 0.125),
        "mobile": pa.array(draw.random(ROWS) < 0.5, mask=draw.random(ROWS) < 0.02),
        "click": pa.array((draw.random(ROWS) < 0.06).astype(np.int8)),
        "imps": imps,
        "seen": np.where(draw.random(ROWS) < 0.02, -1, draw.binomial(imps + 1, 0.3)),
        "paid": pa.array(paid, mask=draw.random(ROWS) < 0.03),
        "earned": earned,
        "billed": pa.array(paid).cast(pa.decimal128(18, 7)),
        "w": pa.array(draw.choice([0.5, 1.0, 2.5, 1 / 3], ROWS), mask=draw.random(ROWS) < 0.01),
        "currency": draw.choice(["USD", "eur", " GBP "], ROWS),
    }
    carrier = {"carrier": draw.choice(["o2", "três", "中国移动"], ROWS)}  # the first file was written without it
    return pa.table(columns | carrier if day else columns)


COUNTED = {
    "clicks": {"outcome_column": "click", "value_column": "earned", "cost_column": "paid"},
    "weighted clicks": {"outcome_column": "click", "cost_column": "paid", "weight_column": "w"},
    "counts": {"outcome_column": "seen", "exposure_column": "imps", "value_column": "earned", "cost_column": "paid"},
    "decimals": {"outcome_column": "click", "cost_column": "billed"},
    "money": {"outcome_column": "click", "value_column": "earned", "objective": "value"},
    "a filter": {"outcome_column": "click", "row_filter": {"site": ["a'b", "späße \U0001f600"], "mobile": ["true"]}},
    "a filter of what is left out": {"outcome_column": "click", "row_filter": {"site": {"not": ["a'b"]}}},
    "a filter of numbers": {"outcome_column": "click", "row_filter": {"adspace": ["1", "-2"]}},
    "days of Berlin": {"outcome_column": "click", "timezone": "Europe/Berlin", "cost_column": "paid"},
    "currencies, and prices above the bid": {
        "outcome_column": "click",
        "value_column": "earned",
        "cost_column": "paid",
        "bid_column": "w",
        "currency_column": "currency",
        "currency_rates": {
            "USD": 1,
            "EUR": 1.0837,
            "GBP": {f"{day.start:%F}": 1.2 + n / 70 for n, day in enumerate(DAYS)},
        },
    },
    "days by folder": {"outcome_column": "click", "timestamp_column": ""},
}


def as_text(answer: pa.Table) -> str:
    """Hash an answer as sorted CSV: DuckDB has sums of 128 bits, and rows come in no order."""
    rows = [[cell_text(value) for value in row.values()] for row in answer.to_pylist()]
    return hashed([answer.column_names, *sorted(rows)])


def in_one_scan(engine, table, terms) -> pa.Table:
    [sets] = parts_of_sets(terms)
    return engine.query(grouping(table, sets)[0])


def hashed(rows) -> str:
    body = io.StringIO()
    csv.writer(body).writerows(rows)
    return sha256(body.getvalue().encode()).hexdigest()


def cell_text(value) -> str:
    return r"\N" if value is None else str(value)
