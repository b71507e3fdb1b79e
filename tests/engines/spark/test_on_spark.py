"""Real Spark, a master, two workers and a server, counts what DuckDB counts, whichever worker is killed when."""

import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from columns_of_logs import (
    FOUND_BY_SPARK,
    NAMES_OF_SPARK,
    NO_COMMON_TYPE,
    SEVERAL_TYPES_OF_SPARK,
    N,
    files_of,
    opened,
    values,
)
from lake_files import TABLES, rows
from lake_files import opened as opened_table
from rows_for_any_engine import COUNTED, DAYS, FEATURES, WINDOW, as_text, day_of_logs, in_one_scan
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from spark_cluster import missing, spark_cluster
from spark_differences import DIFFERENCES, HOSTILE
from v3_settings import v3_settings

ROWS = 1_200_000
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def spark(long, tmp_path_factory):
    """The cluster, where the long tests are wanted and it can be had."""
    if not long:
        pytest.skip("minutes, on real Spark: make test-long runs it")
    if reason := missing():
        pytest.skip(reason)
    with spark_cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture
def engines(spark):
    with DuckDBEngine(LocalFileSystem(), 2, 512) as duckdb, SparkEngine(spark.cluster, LocalFileSystem()) as on_spark:
        yield duckdb, on_spark


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    for n, day in enumerate(DAYS):
        (root / f"date={day.start:%F}").mkdir()
        pq.write_table(day_of_logs(n), root / f"date={day.start:%F}/part-0.parquet")
    return [f"local://{root}/date={day.start:%F}/part-0.parquet" for day in DAYS]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Rows that keep two workers busy for a while, some with the id of another."""
    root, draw = tmp_path_factory.mktemp("many"), np.random.default_rng(1)
    for n in range(4):
        ids = draw.integers(0, ROWS, ROWS // 4)
        columns = {f"f{f}": draw.zipf(1.4, len(ids)).clip(max=300 * (f + 1)) for f in range(8)}
        logs = {
            "auction": [f"id{each}" for each in ids],
            "click": (draw.random(len(ids)) < 0.02).astype("i1"),
            **columns,
        }
        pq.write_table(pa.table(logs), root / f"part-{n}.parquet", row_group_size=50_000)
    return [f"local://{root}/part-{n}.parquet" for n in range(4)]


def both(engines, urls, **config):
    """Open the logs in both engines; returns each with the table."""
    settings = v3_settings(**config)
    return [(engine, LogTable(settings, WINDOW, engine.open_logs(urls), {}, engine.dialect)) for engine in engines]


def test_spellings_and_hostile_texts_answer_on_spark_as_they_do_on_sail(engines):
    _, spark = engines
    spelled = {name: (spell(spark.dialect), expected) for name, spell, expected in DIFFERENCES}
    spelled |= {text: (spark.dialect.literal(text), text) for text in HOSTILE}
    columns = ", ".join(f"{sql} AS c{n}" for n, (sql, _) in enumerate(spelled.values()))
    [row] = spark.query(f"SELECT {columns}").to_pylist()

    assert dict(zip(spelled, row.values(), strict=True)) == {name: expected for name, (_, expected) in spelled.items()}


@pytest.mark.parametrize("name", ["counts", "a filter", "days of Berlin", "currencies, and prices above the bid"])
def test_spark_gives_the_bytes_of_duckdb(engines, urls, name):
    tables = both(engines, urls, **({"timestamp_column": "t", "candidate_features": "site"} | COUNTED[name]))

    assert len({as_text(in_one_scan(*opened, FEATURES)) for opened in tables}) == 1
    assert len({as_text(engine.query(table.profile())) for engine, table in tables}) == 1


def test_spark_finds_names_in_another_case_paths_into_records_and_keys_of_folders(engines, tmp_path):
    _, spark = engines
    answers = [values(spark, tmp_path / str(n), tables, name) for n, (tables, name, _) in enumerate(FOUND_BY_SPARK)]

    assert answers == [{name: expected} for _, name, expected in FOUND_BY_SPARK]


def test_a_column_of_several_types_is_of_the_one_that_duckdb_takes(engines, tmp_path):
    _, spark = engines
    answers = [
        values(spark, tmp_path / f"{n}{names}", files_of(columns, *names), "v")
        for n, (columns, _) in enumerate(SEVERAL_TYPES_OF_SPARK)
        for names in (["v"], ["V", "v"])
    ]

    assert answers == [{"v": expected} for _, expected in SEVERAL_TYPES_OF_SPARK for _ in range(2)]


@pytest.mark.parametrize("columns", NO_COMMON_TYPE)
def test_a_column_of_types_that_engines_write_otherwise_is_refused(engines, tmp_path, columns):
    with pytest.raises(LogsInvalid, match="several types"):
        values(engines[1], tmp_path, files_of(columns, "v"), "v")


def test_spark_reads_a_file_of_any_name_alone_and_tells_it(engines, tmp_path):
    _, spark = engines
    others = {"x0ab.parquet": {"n": [3]}, "b.parquet": {"n": [4]}}
    urls = [opened(spark, tmp_path, {name: N} | others)[0][0] for name in NAMES_OF_SPARK]
    spark.open_logs(urls)
    rows = spark.query("SELECT n, rtb_optimizer_source_file AS f, rtb_optimizer_source_row AS r FROM logs").to_pylist()

    assert sorted((row["f"], row["r"], row["n"]) for row in rows) == sorted((u, n, n + 1) for u in urls for n in (0, 1))


@pytest.mark.parametrize("name", TABLES)
def test_spark_reads_the_rows_of_a_table_of_a_lake_that_duckdb_reads(engines, tmp_path, name):
    files, columns, said = TABLES[name]
    for engine in engines:
        opened_table(engine, tmp_path, files, columns, said)
    answers = [rows(engine, columns) for engine in engines]

    assert answers[1] == answers[0]
    assert answers[0]


NANOS = [-1501, -1500, -1499, -500, -499, -1, 0, 499, 500, 501, 1500, 1772800215123456499, 1772800215123456500, None]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_in_nanoseconds_are_the_microseconds_that_duckdb_counts_them_by(engines, tmp_path, zone):
    times = pa.array(NANOS, pa.int64()).cast(pa.timestamp("ns", zone))
    others = {"b": {"n": [99]}, "c": {"n": [100], "t": pa.array([7], pa.timestamp("us", zone))}}
    files = {"a": {"n": range(len(NANOS)), "t": times}} | others
    answers = []
    for engine in engines:
        opened(engine, tmp_path, files, "t")
        naive = engine.dialect.naive("t") if zone else f"CAST(t AS {engine.dialect.naive_type})"
        answers.append(
            engine.query(f"SELECT n, {engine.dialect.micros_of(naive)} AS t FROM logs ORDER BY n").to_pydict()
        )

    assert answers[1] == answers[0]
    assert answers[0]["t"][:3] == [-2, -2, -1]
    assert answers[0]["t"][-2:] == [None, 7]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"b": {"n": [1], "t": [7]}}, "column 't' has another type in .*/b"),
        ({"b": {"n": [1], "t": pa.array([7], pa.timestamp("ns", "UTC"))}}, "column 't' has another type in .*/b"),
        ({"b": {"n": [1], "r": [{"t": pa.scalar(7, pa.timestamp("ns"))}]}}, "nanoseconds within a record, 'r.t'"),
    ],
    ids=["numbers", "zoned times", "within a record"],
)
def test_times_in_nanoseconds_among_others_are_refused(spark, tmp_path, others, said):
    files = {"a": {"n": [1], "t": pa.array([7], pa.timestamp("ns"))}} | others
    with SparkEngine(spark.cluster, LocalFileSystem()) as engine, pytest.raises(LogsInvalid, match=said):
        opened(engine, tmp_path, files, "t")


def test_numbers_beside_times_in_nanoseconds_stay_numbers(engines, tmp_path):
    _, spark = engines
    nanos = {"a": {"n": [1], "t": pa.array([7], pa.timestamp("ns"))}}
    opened(spark, tmp_path, nanos, "t")

    assert values(spark, tmp_path, {"c": {"n": [1], "t": [7]}}, "t") == {"t": [7]}


def test_spark_draws_the_rows_that_duckdb_draws_by_the_portable_hash(engines, urls):
    """These rows have no id: they are drawn by their file and position."""
    config = {"timestamp_column": "t", "sample_hash": "portable", "logs_path": "s3://lake/logs/"}
    tables = both(engines, urls, **config)
    drawn = [engine.query(table.sample(["site", "adspace"], 1.0, 0.3)) for engine, table in tables]

    assert as_text(drawn[0]) == as_text(drawn[1])
    assert 2_000 < drawn[0].num_rows < 5_000


def test_a_worker_may_be_killed_in_mid_statement_and_another_between_statements(spark, engines, many):
    config = {
        "row_id_columns": "auction",
        "drop_duplicates": True,
        "max_duplicate_share": 1,
        "candidate_features": "f0",
    }
    terms = [[f"f{n}"] for n in range(8)] + [[f"f{n}", f"f{n + 1}"] for n in range(7)]
    (duckdb, ours), (on_spark, theirs) = both(engines, many, **config)
    expected = as_text(in_one_scan(duckdb, ours, terms))
    answers = []
    statement = threading.Thread(target=lambda: answers.append(as_text(in_one_scan(on_spark, theirs, terms))))
    statement.start()
    time.sleep(5)
    assert statement.is_alive()
    spark.kill("worker-0")
    statement.join(900)

    assert answers == [expected]
    spark.add_worker("worker-2")
    kept = [without_repeats(*opened) for opened in ((duckdb, ours), (on_spark, theirs))]
    spark.kill("worker-1")  # with what it has kept of the rows
    assert kept[0].dropped == kept[1].dropped > 100
    assert as_text(in_one_scan(on_spark, kept[1], [["f0"]])) == as_text(in_one_scan(duckdb, kept[0], [["f0"]]))
