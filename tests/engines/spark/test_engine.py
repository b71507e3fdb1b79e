"""What a cluster cannot read is refused by name, and its errors say whether a retry helps."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from checkout import CHECKOUT
from rtb_optimizer.core.config.formats import Content, Format
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.spark import session
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.spark.failures import classify_spark_error
from rtb_optimizer.errors import (
    ConfigInvalid,
    ConnectionMissing,
    EngineFull,
    EngineLost,
    LogsInvalid,
    StoreFailed,
    TransientError,
)
from sail_server import sail_server
from v3_settings import v3_settings

ROWS = {"site": ["a", "b", None], "n": [1, 2, 3], "device": [{"os": "x"}] * 3}


@pytest.fixture
def spark(sail):
    with SparkEngine(sail, LocalFileSystem()) as engine:
        yield engine


@pytest.fixture
def write(tmp_path):
    """Write columns as Parquet; returns the URL."""

    def written(name, columns):
        pq.write_table(pa.table(columns), tmp_path / name)
        return f"local://{tmp_path}/{name}"

    return written


def test_columns_that_files_lack_are_null_and_named(spark, write):
    urls = [write("a.parquet", {"n": [1], "late": [0.5]}), write("b.parquet", {"n": [2]})]
    types = spark.open_logs(urls[::-1])

    assert types == {"n": "BIGINT", "late": "DOUBLE"}
    assert spark.query("SELECT n, late FROM logs ORDER BY n").to_pylist() == [
        {"n": 1, "late": 0.5},
        {"n": 2, "late": None},
    ]
    assert spark.files_without(["n", "late"]) == {"late": [urls[1]]}


def test_each_row_has_its_file_and_its_place(spark, write):
    urls = [write(f"{name}.parquet", {"n": list(range(start, start + 2_000))}) for name, start in (("a", 0), ("b", 5))]
    spark.open_logs(urls)
    rows = spark.query("SELECT n, rtb_optimizer_source_file AS f, rtb_optimizer_source_row AS r FROM logs").to_pylist()

    assert sorted((row["f"], row["r"], row["n"]) for row in rows) == sorted(
        (url, place, place + start) for url, start in zip(urls, (0, 5), strict=True) for place in range(2_000)
    )


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Reading({"local:///x.csv": Content(Format.CSV)}), "reads Parquet, and local:///x.csv is text"),
        (Reading(columns=["site.a"]), "no paths into texts, and 'site.a' is one"),
    ],
    ids=["texts", "a path into a text"],
)
def test_what_only_duckdb_reads_is_refused_by_name(spark, write, reading, said):
    with pytest.raises(LogsInvalid, match=said):
        spark.open_logs([write("a.parquet", ROWS)], reading)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"logs_format": "csv"}, "logs_format: engine = spark reads Parquet, no csv"),
        ({"timestamp_format": "%A %d"}, "timestamp_format: '%A %d' has a part that Spark does not read"),
    ],
)
def test_what_only_duckdb_reads_is_refused_when_it_is_saved(overrides, said):
    with pytest.raises(ConfigInvalid, match=said):
        v3_settings(engine="spark", timestamp_column="t", **overrides)
    v3_settings(engine="duckdb", timestamp_column="t", **overrides)


def test_a_bad_file_is_named(spark, write, tmp_path):
    good, bad = write("a.parquet", {"n": [1]}), f"local://{tmp_path}/cut.parquet"
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:60])
    with pytest.raises(LogsInvalid, match=r"cut\.parquet"):
        spark.open_logs([good, bad])


def test_a_cluster_that_is_gone_is_retried(write, monkeypatch):
    monkeypatch.setattr(session, "TRIES", 1)
    with sail_server() as cluster:
        engine = SparkEngine(cluster, LocalFileSystem())
        engine.open_logs([write("a.parquet", {"n": [1]})])
    with pytest.raises(EngineLost, match="retry"):
        engine.query("SELECT COUNT(*) FROM logs")
    with pytest.raises(EngineLost, match=r"no session on sc://127\.0\.0\.1"):
        SparkEngine(cluster, LocalFileSystem())
    assert issubclass(EngineLost, TransientError)


URLS = ["s3://lake/a.parquet", "s3://lake/b.parquet"]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("[FAILED_READ_FILE] Error while reading s3a://lake/b.parquet", LogsInvalid, "lake/b.parquet"),
        ("[CANNOT_MERGE_SCHEMAS] Failed", LogsInvalid, "in one of s3://lake/a.parquet ... s3://lake/b.parquet"),
        ("Job aborted: ExecutorLostFailure (executor 1 exited)", EngineLost, "retry"),
        ("java.nio.file.AccessDeniedException: s3a://lake/a.parquet: 403", StoreFailed, "its own rights"),
        ('No FileSystem for scheme "s3a"', StoreFailed, "packages"),
        ("java.lang.OutOfMemoryError: Java heap space", EngineFull, "more memory"),
        ('StatusCode.UNAUTHENTICATED\n\tdetails = "bad token"\n', ConnectionMissing, "bad token; correct token"),
    ],
)
def test_errors_of_spark_are_sorted(text, kind, said):
    problem = classify_spark_error("counting the logs failed", RuntimeError(text), URLS)

    assert type(problem) is kind
    assert said in str(problem)


def test_credentials_are_in_no_message():
    cluster = session.Cluster("sc://spark:15002/;user_id=rtb;token=s3cr3t")

    assert "s3cr3t" not in f"{cluster!r} {cluster.named}"


def test_the_client_is_imported_by_a_process_whose_main_module_has_no_file():
    code = "import pyspark.sql.connect.session"
    ours = "from rtb_optimizer.engines.spark import session as s\nwith s._a_main_module_with_a_file():\n    "
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT}/include"}
    environment.pop("SPARK_HOME", None)
    ended = [
        subprocess.run([sys.executable, "-c", each], env=environment, capture_output=True, check=False).returncode
        for each in (code, ours + code)
    ]
    assert ended[0] != 0, "pyspark no longer takes such a process for its doctests: the guard can go"
    assert ended[1] == 0
