"""Reads times in nanoseconds, which Spark has no type of, as the microseconds that DuckDB counts them by.

They are read as whole numbers, by a setting of the session that holds for all files from then on: the footers say
which columns are such numbers.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.files import columns_of
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

AS_NUMBERS = "spark.sql.legacy.parquet.nanosAsLong"
_REFUSED = ("PARQUET_TYPE_ILLEGAL", "NANOS")
_DIALECT = SparkDialect()


def are_refused(problem: Exception) -> bool:
    """Whether Spark refuses files for their times in nanoseconds."""
    return all(mark in str(problem) for mark in _REFUSED)


def are_numbers(session: "SparkSession") -> bool:
    """Whether the session reads times in nanoseconds as whole numbers."""
    return str(session.conf.get(AS_NUMBERS, "false")) == "true"


def read_as_numbers(session: "SparkSession") -> None:
    """Have the session read times in nanoseconds as whole numbers."""
    session.conf.set(AS_NUMBERS, "true")


def in_microseconds(
    rows: "DataFrame", times: Mapping[str, Mapping[str, bool]], names: Mapping[str, Sequence[str]]
) -> "DataFrame":
    """Return rows in which such numbers are times, rounded to the microsecond, halves away from zero as DuckDB does.

    Args:
        rows: The rows.
        times: The times in nanoseconds of each file and whether they are zoned, by URL and path.
        names: The columns of each file, by URL.

    Raises:
        LogsInvalid: for times within records, and where another file has another type under the name.
    """
    columns = columns_of(rows)
    of_nanos: dict[str, bool] = {}
    for url, found in times.items():
        for name, zoned in found.items():
            if name not in columns:
                raise LogsInvalid(
                    f"{url} has times in nanoseconds within a record, {name!r}, which engine = spark does not read: "
                    "write times in microseconds, or set engine = duckdb"
                )
            of_nanos.setdefault(name, zoned)
    for url, known in names.items():
        for name, zoned in of_nanos.items():
            if name in known and times.get(url, {}).get(name) is not zoned:
                raise LogsInvalid(f"column {name!r} has another type in {url} than the times in nanoseconds of others")
    if not of_nanos:
        return rows
    selected = (f"{_time(name, of_nanos.get(name))} AS {_DIALECT.identifier(name)}" for name in columns)
    return rows.selectExpr(*selected, SOURCE_FILE, SOURCE_ROW)


def _time(name: str, zoned: bool | None) -> str:  # noqa: FBT001 - a column that is no such time has neither
    column = _DIALECT.identifier(name)
    if zoned is None:
        return column
    rounded = f"({column} + CASE WHEN {column} < 0 THEN -500 ELSE 500 END) DIV 1000"
    return f"CAST(timestamp_micros({rounded}) AS {_DIALECT.zoned_type if zoned else _DIALECT.naive_type})"
