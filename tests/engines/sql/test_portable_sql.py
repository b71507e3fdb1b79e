"""The statements of a run give the same bytes on DuckDB and on engines that share no code with it."""

from contextlib import ExitStack
from dataclasses import astuple
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from datafusion_engine import DataFusionEngine
from rows_for_any_engine import COUNTED, DAYS, FEATURES, WINDOW, as_text, day_of_logs, hashed, in_one_scan
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.engines.passes.encoding import canonicalise
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The URLs of four files of logs, a folder per day, and those folders' days."""
    root = tmp_path_factory.mktemp("lake")
    days = {f"local://{root}/date={day.start:%F}/": day.start.date() for day in DAYS}
    for n, url in enumerate(days):
        folder = root / url.rsplit("/", 2)[1]
        folder.mkdir()
        pq.write_table(day_of_logs(n), folder / "part-0.parquet", row_group_size=(700, 5_000)[n % 2])
    return [f"{url}part-0.parquet" for url in days], days


@pytest.fixture(scope="module")
def engines(logs, sail):
    """DuckDB with one thread and with two, and the other engines, all on the same logs, each with its types."""
    urls, _ = logs
    with ExitStack() as opened:
        duckdb = [opened.enter_context(DuckDBEngine(LocalFileSystem(), threads, 256)) for threads in (1, 2)]
        engines = {"duckdb-1": duckdb[0], "duckdb-2": duckdb[1], "datafusion": DataFusionEngine(2)}
        engines["sail"] = opened.enter_context(SparkEngine(sail, LocalFileSystem()))
        yield {name: (engine, engine.open_logs(urls)) for name, engine in engines.items()}


def lines_of(counts):
    return [[value, *map(str, astuple(of_value))] for value, of_value in counts.items()]


@pytest.fixture(params=COUNTED.values(), ids=COUNTED)
def tables(request, engines, logs):
    """Each engine with the statements of one configuration, quoted for it."""
    settings = v3_settings(**{"timestamp_column": "t", "candidate_features": "site"} | request.param)
    days = {} if settings.timestamp_column else logs[1]
    return {
        name: (engine, LogTable(settings, WINDOW, types, days, engine.dialect))
        for name, (engine, types) in engines.items()
    }


def test_exact_statistics_and_the_profile_are_the_same_bytes_on_every_engine(tables):
    for features in FEATURES:
        answers = {name: in_one_scan(*opened, [features]) for name, opened in tables.items()}

        assert len({as_text(answer) for answer in answers.values()}) == 1, features
        assert answers["datafusion"].num_rows >= 1
    assert len({as_text(in_one_scan(*opened, FEATURES)) for opened in tables.values()}) == 1
    assert len({as_text(engine.query(table.profile())) for engine, table in tables.values()}) == 1
    for name in ("datafusion", "sail"):
        assert profile(*tables[name]) == profile(*tables["duckdb-1"]), name


def test_what_engines_count_in_sql_is_what_the_stored_codes_add_up_to(tables):
    engine, table = tables["duckdb-2"]
    assert engine.row_groups([*table.row_columns, "site"]) is not None  # else there would be nothing but SQL to compare
    terms, published = {"|".join(features): features for features in FEATURES}, {}
    for name, features in terms.items():
        seen = in_one_scan(engine, table, [features]).to_pydict()
        canon = [canonicalise(seen["f_" + feature], feature, table.settings) for feature in features]
        values = sorted(set(canon[0] if len(features) == 1 else map(segment_key, zip(*canon, strict=True))))
        published[name] = values[::2]  # the others add up
    by_code = exact_counts(engine, table, terms, published).statistics
    in_sql = {name: counts_in_sql(*opened, terms, published).statistics for name, opened in tables.items()}

    for name in terms:
        counted = [by_code[name], *(counts[name] for counts in in_sql.values())]
        assert len({hashed(sorted(lines_of(counts))) for counts in counted}) == 1, name
        assert by_code[name]


EDGES = [edge + timedelta(microseconds=n) for edge in (WINDOW.start, WINDOW.end) for n in (-1, 0, 1)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([t.replace(tzinfo=None) for t in EDGES], pa.timestamp("us")),
        pa.array([t.replace(tzinfo=None) for t in EDGES], pa.timestamp("ns")),
        pa.array(EDGES, pa.timestamp("us", "UTC")),
        pa.array(EDGES, pa.timestamp("ns", "UTC")),
        pa.array(EDGES, pa.timestamp("us", "Asia/Tokyo")),
        pa.array([t.isoformat() for t in EDGES]),
        pa.array([f"{t + timedelta(hours=2):%FT%T.%f}+02:00" for t in EDGES]),
        pa.array([t.date() for t in EDGES], pa.date32()),
    ],
    ids=lambda column: f"{column.type} {column[0]}",
)
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_a_window_is_cut_alike_however_time_is_written(tmp_path, sail, column, timezone):
    pq.write_table(pa.table({"t": column, "click": [1] * 6, "n": [1, 2, 4, 8, 16, 32]}), tmp_path / "part-0.parquet")
    settings = v3_settings(timestamp_column="t", timezone=timezone, exposure_column="n")
    texts, urls = [], [f"local://{tmp_path}/part-0.parquet"]
    with DuckDBEngine(LocalFileSystem(), 2, 256) as duckdb, SparkEngine(sail, LocalFileSystem()) as spark:
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            with pytest.raises(LogsInvalid, match=r"write times in microseconds, or set engine = duckdb; in .*part-0"):
                spark.open_logs(urls)
        engines = (duckdb, DataFusionEngine(2), spark)
        for engine in engines[:2] if "ns" in str(column.type) else engines:
            table = LogTable(settings, WINDOW, engine.open_logs(urls), {}, engine.dialect)
            texts.append(as_text(engine.query(table.profile())))
            assert engine.query(table.profile()).num_rows > 0

    assert len(set(texts)) == 1


@pytest.mark.parametrize("rows", [[0.0, -0.0], [-0.0, 0.0]], ids=str)
def test_zero_is_one_value_whatever_its_sign(tmp_path, sail, rows):
    """SQL has one group for both and returns either; the stored codes distinguish them."""
    pq.write_table(
        pa.table({"price_level": [*rows, *rows, 1.0], "click": [1, 0, 1, 0, 1]}), tmp_path / "part-0.parquet"
    )
    counted = []
    with DuckDBEngine(LocalFileSystem(), 2, 256) as duckdb, SparkEngine(sail, LocalFileSystem()) as spark:
        for engine in (duckdb, DataFusionEngine(2), spark):
            types = engine.open_logs([f"local://{tmp_path}/part-0.parquet"])
            table = LogTable(v3_settings(), WINDOW, types, {}, engine.dialect)
            counted.append(counts_in_sql(engine, table, {"term": ["price_level"]}, {"term": ["0"]}).statistics["term"])
            counted.append(exact_counts(engine, table, {"term": ["price_level"]}, {"term": ["0"]}).statistics["term"])

    assert {value: counts.rows for value, counts in counted[0].items()} == {"0": 4, "__other__": 1}
    assert all(each == counted[0] for each in counted)


@pytest.mark.parametrize("timestamp_column", ["t", ""])
def test_engines_keep_the_same_copy_of_each_row_and_see_the_same_arrivals(tmp_path, sail, timestamp_column):
    """Ids that several rows share, of values that conflict; the other engines read the rows in reverse."""
    draw = np.random.default_rng(3)
    logs = pa.concat_tables([day_of_logs(day) for day in (1, 2)])
    ids = draw.integers(0, 4_000, logs.num_rows)
    auction = pa.array([None if n < 40 else "" if n < 80 else f"id{n}" for n in ids.tolist()])
    logs = logs.append_column("auction", auction).append_column("nth", pa.array(draw.integers(0, 9, logs.num_rows)))
    columns = {"outcome_column": "seen", "exposure_column": "imps", "cost_column": "paid", "value_column": "earned"}
    settings = v3_settings(
        row_id_columns="auction, nth",
        drop_duplicates=True,
        max_duplicate_share=1,
        candidate_features="site, adspace, price_level, carrier",
        timestamp_column=timestamp_column,
        **columns,
    )
    answers = []
    reverse = logs.take(pa.array(range(len(ids))[::-1]))
    with DuckDBEngine(LocalFileSystem(), 2, 256) as duckdb, SparkEngine(sail, LocalFileSystem()) as spark:
        for name, engine, rows in (("a", duckdb, logs), ("b", DataFusionEngine(2), reverse), ("c", spark, reverse)):
            for n, cut in enumerate((rows.slice(0, 2_500), rows.slice(2_500))):
                pq.write_table(cut, tmp_path / f"{name}-{n}.parquet")
            types = engine.open_logs([f"local://{tmp_path}/{name}-{n}.parquet" for n in (0, 1)])
            raw = LogTable(settings, WINDOW, types, {f"local://{tmp_path}/{name}": None}, engine.dialect)
            arrived = arrivals(engine, raw)
            table = without_repeats(engine, raw)
            log_profile = profile(engine, table)
            counts = as_text(in_one_scan(engine, table, [[f] for f in ("site", "adspace", "price_level", "carrier")]))
            answers.append((list(arrived.rows.values()), arrived.warnings, table.dropped, log_profile, counts))

    assert answers[0] == answers[1]
    assert answers[0] == answers[2]
    assert table.dropped > 100
    assert log_profile.totals.rows + table.dropped == sum(
        1 for at in logs["t"].to_pylist() if not timestamp_column or WINDOW.start <= at < WINDOW.end
    )


def test_people_are_counted_alike_by_every_engine(tmp_path, sail):
    who = ["p", "q", None, "", "0-0", "NULL", "r", "p"]
    logs = pa.table({"site": ["a"] * 7 + ["b"], "n": [1] * 8, "who": who, "click": [0] * 8})
    pq.write_table(logs, tmp_path / "part-0.parquet")
    texts = []
    with DuckDBEngine(LocalFileSystem(), 2, 256) as duckdb, SparkEngine(sail, LocalFileSystem()) as spark:
        for engine in (duckdb, DataFusionEngine(2), spark):
            types = engine.open_logs([f"local://{tmp_path}/part-0.parquet"])
            table = LogTable(v3_settings(person_id_column="who"), WINDOW, types, {}, engine.dialect)
            texts.append([as_text(engine.query(table.values_of_people(["site", "n"], least))) for least in (1, 3, 4)])
            counted = [engine.query(table.values_of_people(["site"], least)).num_rows for least in (1, 3, 4)]
            assert counted == [2, 1, 0]

    assert texts[0] == texts[1] == texts[2]
