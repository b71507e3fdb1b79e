"""A cluster finds the columns that DuckDB finds, in files of any name; what it reads otherwise is refused by name."""

import pytest
from pyarrow.fs import LocalFileSystem

from columns_of_logs import (
    FOUND,
    NAMES,
    NO_COMMON_TYPE,
    NOWHERE,
    RECORDS,
    SEVERAL_TYPES,
    TEXTS_OF_JSON,
    N,
    files_of,
    opened,
    values,
)
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.spark.file_values import folder_values
from rtb_optimizer.errors import LogsInvalid


@pytest.fixture(scope="module")
def spark(sail):
    with SparkEngine(sail, LocalFileSystem()) as engine:
        yield engine


@pytest.fixture
def engines(spark):
    with DuckDBEngine(LocalFileSystem(), 1, 64) as duckdb:
        yield duckdb, spark


@pytest.mark.parametrize(("tables", "column", "expected"), FOUND)
def test_a_name_is_found_as_duckdb_finds_it(engines, tmp_path, tables, column, expected):
    answers = [values(engine, tmp_path, tables, column) for engine in engines]

    assert answers[1] == answers[0] == {column: expected}


@pytest.mark.parametrize(("tables", "column", "_expected"), FOUND)
def test_its_type_and_the_files_that_lack_it_are_duckdbs(engines, tmp_path, tables, column, _expected):
    tables = tables | {"z": {"n": [9]}}
    types = [opened(engine, tmp_path, tables, column, "n")[1] for engine in engines]
    lacking = [engine.files_without([column, "n"]) for engine in engines]

    assert types[1][column] == types[0][column]
    assert lacking[1] == lacking[0]
    assert lacking[0][column][-1].endswith("/z")


@pytest.mark.parametrize(("columns", "expected"), SEVERAL_TYPES)
@pytest.mark.parametrize("names", [["v"], ["V", "v"]], ids=["one name", "in another case"])
def test_a_column_of_several_types_is_of_the_one_that_duckdb_takes(engines, tmp_path, columns, expected, names):
    answers = [values(engine, tmp_path, files_of(columns, *names), "v") for engine in engines]

    assert answers[1] == answers[0] == {"v": expected}


@pytest.mark.parametrize("columns", NO_COMMON_TYPE)
@pytest.mark.parametrize("names", [["v"], ["V", "v"]], ids=["one name", "in another case"])
def test_a_column_of_types_that_engines_write_otherwise_is_refused(spark, tmp_path, columns, names):
    with pytest.raises(LogsInvalid, match="several types"):
        values(spark, tmp_path, files_of(columns, *names), "v")


@pytest.mark.parametrize("column", NOWHERE)
def test_what_is_nowhere_is_no_column(spark, tmp_path, column):
    assert values(spark, tmp_path, {"f": RECORDS}, column).get(column) in (None, [None, None])


@pytest.mark.parametrize(
    ("tables", "columns", "said"),
    [
        (
            {"f": N | {"Site": [1, 2], "site": [3, 4]}},
            ("site", "Site"),
            "'Site' and 'site', which differ in case alone",
        ),
        ({"f": N | {"Site": [1, 2], "site": [3, 4]}}, ("SITE",), "'Site' and 'site', which differ in case alone"),
        (
            {"f": N | {"Site": [1, 2], "site": [3, 4]}, "g": N | {"Site": [1, 2]}},
            ("site",),
            r"f has columns 'Site' and 'site', and .*g has 'Site' alone: rename one",
        ),
        ({"f": N | {"D": [{"a": 1}] * 2, "d": [{"a": 2}] * 2}}, ("d.a",), "'D' and 'd', which differ in case alone"),
        ({"f": N | {"d": [{"A": 1, "a": 2}] * 2}}, ("d.a",), "records .* fields 'A' and 'a', which differ in case"),
        ({"f": TEXTS_OF_JSON}, ("ext.a.0",), "no paths into texts, and 'ext.a.0' is one, of column 'ext'"),
        ({"_f": N}, ("n",), "leaves files out whose names begin with '_' or '.'"),
        ({"a/.f": N}, ("n",), "leaves files out whose names begin with '_' or '.'"),
    ],
)
def test_what_could_be_another_column_or_file_is_refused(spark, tmp_path, tables, columns, said):
    with pytest.raises(LogsInvalid, match=said):
        values(spark, tmp_path, tables, *columns)


@pytest.mark.parametrize("url", ["s3://b/a//f.parquet", "s3://b/./f.parquet", "s3://b/a/../f.parquet", "s3://b/.."])
def test_a_name_that_hadoop_shortens_is_refused(spark, url):
    with pytest.raises(LogsInvalid, match="reads another file by the name"):
        spark.open_logs([url])


def test_a_key_of_the_folders_that_is_no_text_is_refused():
    with pytest.raises(LogsInvalid, match="key of the folders of s3://b/site=%FF/f is no UTF-8: '%FF'"):
        folder_values("site", ["s3://b/site=%FF/f"])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_read_alone_and_told_by_it(spark, tmp_path, name):
    urls, _ = opened(spark, tmp_path, {name: N, "x0ab.parquet": {"n": [3]}, "b.parquet": {"n": [4]}})
    spark.open_logs(urls[:1])
    rows = spark.query("SELECT n, rtb_optimizer_source_file AS f, rtb_optimizer_source_row AS r FROM logs").to_pylist()

    assert sorted((row["f"], row["r"], row["n"]) for row in rows) == [(urls[0], 0, 1), (urls[0], 1, 2)]
