"""The statements of DuckDB are the same text from release to release: a change is a decision, no accident."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals, rows_outside
from rtb_optimizer.engines.passes.column_facts import column_facts
from rtb_optimizer.engines.passes.duplicates import one_of_each
from rtb_optimizer.engines.passes.legibility import require_legible
from rtb_optimizer.engines.sql.events import EventsSql
from rtb_optimizer.engines.sql.table import LogTable
from v3_settings import v3_settings

WINDOW = Window(datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
TYPES = {
    "t": "TIMESTAMP",
    "zoned": "TIMESTAMP WITH TIME ZONE",
    "day": "DATE",
    "text time": "VARCHAR",
    "epoch": "BIGINT",
    "click": "TINYINT",
    "seen": "BIGINT",
    "imps": "DOUBLE",
    "w": "VARCHAR",
    "paid": "DOUBLE",
    "earned": "DECIMAL(18,7)",
    "currency": "VARCHAR",
    "bid": "FLOAT",
    "site": "VARCHAR",
    'a"b': "VARCHAR",
    "id": "VARCHAR",
    "nth": "INTEGER",
}
FOLDERS = {"s3://lake/logs/date=2026-03-06/": date(2026, 3, 6), "s3://lake/logs/o'k.parquet": date(2026, 3, 7)}
CONFIGS = {
    "plain": {"timestamp_column": "t"},
    "measures": {
        "timestamp_column": "zoned",
        "timezone": "Europe/Berlin",
        "outcome_column": "seen",
        "exposure_column": "imps",
        "weight_column": "w",
        "cost_column": "paid",
        "value_column": "earned",
        "bid_column": "bid",
        "currency_column": "currency",
        "currency_rates": {"USD": 1, "EUR": {"2026-03-06": 1.1, "2026-03-07": 1.2}},
    },
    "ids": {
        "timestamp_column": "day",
        "row_id_columns": "id, nth",
        "drop_duplicates": True,
        "person_id_column": "id",
        "row_filter": {"site": ["a'b", "c\\d"], 'a"b': ["1"]},
        "missing_values": "-, N/A, \\N",
    },
    "texts": {"timestamp_column": "text time", "timezone": "America/New_York"},
    "patterns": {"timestamp_column": "text time", "timestamp_format": "%d/%b/%Y:%H:%M:%S %z"},
    "epochs": {"timestamp_column": "epoch", "timestamp_format": "epoch_ms"},
    "numbers": {"timestamp_column": "epoch", "objective": "value", "value_column": "earned"},
    "folders": {"timestamp_column": ""},
    "events": {
        "timestamp_column": "t",
        "row_id_columns": "id",
        "outcome_logs_path": "s3://lake/events/date={date}/",
        "outcome_kinds": {"click": 1, "buy'": 2.5},
        "outcome_logs_kind_column": "site",
        "value_column": "worth",
        "outcome_column": "outcome",
        "outcome_logs_value_column": "w",
    },
}


def statements(config: str, engine) -> Iterator[str]:
    settings = v3_settings(**{"candidate_features": "site"} | CONFIGS[config])
    types = TYPES | {"outcome": "BIGINT", "worth": "DOUBLE"}
    table = LogTable(settings, WINDOW, types, FOLDERS, engine.dialect)
    yield from (table.profile(), table.sample(["site", 'a"b'], 1.0, 0.25), table.source(["site"]), table.where())
    yield from (table.measures(), table.measures(timed=False))
    if settings.currency_column:
        yield table.without_rate()
    if settings.person_id_column:
        yield table.values_of_people(["site"], 20)
    if settings.row_id_columns:
        yield one_of_each(table, "copies")
    if logs := settings.outcome_logs:
        of_events = replace(settings, timestamp_column="text time", row_filter={})
        sql = EventsSql(logs, table, replace(table, settings=of_events), ("", "n/a"))
        yield from (sql.happened(), sql.matched(), sql.placed(), sql.by_day_and_kind(), sql.without_id())


class Recording(DuckDBEngine):
    """Keeps the statements that the passes build themselves."""

    asked: ClassVar[list[str]] = []

    def query(self, sql, what="query"):
        self.asked.append(sql)
        return super().query(sql, what)


def asked_by_passes(tmp_path) -> Iterator[str]:
    rows = {"t": [WINDOW.start], "text time": ["x"], "click": [1], "w": ["yes"], "site": ["a'b"], "epoch": [5]}
    pq.write_table(pa.table(rows), tmp_path / "part-0.parquet")
    with Recording(LocalFileSystem(), 1, 64) as engine:
        types = engine.open_logs([f"local://{tmp_path}/part-0.parquet"])
        for time, zone in (("t", "UTC"), ("text time", "Europe/Berlin"), ("epoch", "UTC")):
            named = {"timestamp_column": time, "timezone": zone, "weight_column": "w", "max_lost_share": 1}
            table = LogTable(v3_settings(row_filter={"site": ["a'b"]}, **named), WINDOW, types, FOLDERS, engine.dialect)
            require_legible(engine, table)
            arrivals(engine, table)
            rows_outside(engine, table, WINDOW.start, WINDOW.end)
        column_facts(engine, types, ["-", "n/a"])
    yield from Recording.asked
    Recording.asked.clear()


DIGESTS = {
    "plain": "692a990b2a12a932",
    "measures": "c7693894503e3590",
    "ids": "f206128c5953fede",
    "texts": "7143a4ac649ac7b4",
    "patterns": "31f8da240e096c84",
    "epochs": "b2f8c0e478c28649",
    "numbers": "4159c40d0a9edd76",
    "folders": "5059cf5ef588df0a",
    "events": "764879babbd2bed8",
    "passes": "f5a211f6419983d7",
}


@pytest.mark.parametrize("config", CONFIGS)
def test_the_statements_are_the_recorded_ones(config):
    with DuckDBEngine(None, 1, 64) as engine:
        text = ";\n".join(statements(config, engine))

    assert sha256(text.encode()).hexdigest()[:16] == DIGESTS[config], text


def test_the_text_of_the_passes_is_what_it_was(tmp_path):
    text = ";\n".join(asked_by_passes(tmp_path))

    assert sha256(text.encode()).hexdigest()[:16] == DIGESTS["passes"], text
