"""A cluster reads the rows and columns of a lake's tables that DuckDB reads."""

import pyarrow as pa
import pytest
from pyarrow.fs import LocalFileSystem

from lake_files import TABLES, numbered, opened, rows
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.errors import LogsInvalid


@pytest.fixture(scope="module")
def spark(sail):
    with SparkEngine(sail, LocalFileSystem()) as engine:
        yield engine


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_rows_and_types_that_duckdb_reads(spark, tmp_path, name):
    files, columns, said = TABLES[name]
    with DuckDBEngine(LocalFileSystem(), 1, 64) as duckdb:
        answers = []
        for engine in (duckdb, spark):
            _, types = opened(engine, tmp_path, files, columns, said)
            kinds = {column: types[column].replace(" ", "") for column in columns}
            answers.append((kinds, rows(engine, columns), engine.files_without(columns)))

    assert answers[1] == answers[0]
    assert answers[0][1]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (pa.table({"n": [1]}), "has no field ids, and the table has renamed columns"),
        (numbered((1, "n", pa.array([1])), (2, "b", pa.array([{"x": 1, "y": 2}]))), "records of column 'b' differ"),
    ],
    ids=["no ids", "other records"],
)
def test_files_whose_columns_are_not_told_apart_by_id_are_refused(spark, tmp_path, second, said):
    first = numbered((1, "n", pa.array([1])), (2, "a", pa.array([{"x": 1}])))
    table = TableColumns(by_id={1: ("n", "BIGINT"), 2: ("b", 'STRUCT("x" BIGINT)')})

    with pytest.raises(LogsInvalid, match=said):
        opened(spark, tmp_path, {"a": first, "b": second}, ["n", "b.x"], {"table": table})
