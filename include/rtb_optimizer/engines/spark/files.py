"""Reads Parquet files on the cluster, with the file and the position of each row."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.unions import union
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/=:@!$&'()+,;")
"""Characters of a path that Spark does not escape in the name of a file."""
_WILD = re.compile(r"[*?\[\]{}\\]")
_LEFT_OUT = re.compile(r"/(?:\.(?!\.?$)[^/]*|_[^/=]*|[^/]*\._COPYING_)$")
"""Names that Hadoop takes for a writer's own, and leaves out without an error."""
_MOVED = re.compile(r"//|/\.{1,2}(?:/|$)")
"""Parts of a path that Hadoop drops: it would read another file."""
_TELLS_NO_PLACES = "_metadata"
"""What the error names of a server that has no such column."""
_DIALECT = SparkDialect()


def read_files(session: "SparkSession", urls: Sequence[str], s3_scheme: str) -> "DataFrame":
    """Return the rows of files with SOURCE_FILE, the URL, and SOURCE_ROW, the position in the file.

    Files may differ in their columns: what one lacks is NULL.

    Raises:
        LogsInvalid: for names of files that a cluster reads as others, or not at all.
    """
    from pyspark.errors import PySparkException

    _require_named(urls)
    files = session.read.option("mergeSchema", "true").parquet(*(_pattern(_path(url, s3_scheme)) for url in urls))
    root = "local:///" if urls[0].startswith("local:") else "s3://"
    file_path = "_metadata.file_path"
    if not PLAIN.issuperset("".join(urls)):  # the name is a URI: only what is neither of these is escaped in it
        file_path = f"url_decode(REPLACE({file_path}, '+', '%2B'))"
    url = f"CONCAT('{root}', REGEXP_REPLACE({file_path}, '^[a-z0-9]+:/+', ''))"
    try:
        placed = files.selectExpr("*", f"{url} AS {SOURCE_FILE}", f"_metadata.row_index AS {SOURCE_ROW}")
        _ = placed.schema
    except PySparkException as problem:
        if _TELLS_NO_PLACES not in str(problem):
            raise
        return _file_by_file(session, {_path(url, s3_scheme): url for url in urls})
    return placed


def columns_of(rows: "DataFrame") -> Mapping[str, object]:
    """Return the types of the columns that files have themselves, by name."""
    return {field.name: field.dataType for field in rows.schema.fields if field.name not in (SOURCE_FILE, SOURCE_ROW)}


def _file_by_file(session: "SparkSession", paths: Mapping[str, str]) -> "DataFrame":
    """Return the same from a server without the positions of rows: each file by itself, its rows as they are numbered.

    Such a server, Sail, takes paths for URLs.
    """
    row = f"monotonically_increasing_id() AS {SOURCE_ROW}"
    return union(
        {
            url: session.read.parquet(quote(path, safe="/:")).selectExpr(
                "*", f"{_DIALECT.literal(url)} AS {SOURCE_FILE}", row
            )
            for path, url in paths.items()
        }
    )


def _path(url: str, s3_scheme: str) -> str:
    """Return a URL as the cluster spells it."""
    scheme, _, rest = url.partition("://")
    return f"file://{rest}" if scheme == "local" else f"{s3_scheme}://{rest}"


def _pattern(path: str) -> str:
    """Return the pattern that matches this path alone: Hadoop takes paths for patterns."""
    return _WILD.sub(r"\\\g<0>", path)


def _require_named(urls: Sequence[str]) -> None:
    for url in urls:
        path = url.partition("://")[2]
        if _LEFT_OUT.search(path):
            raise LogsInvalid(
                f"engine = spark leaves files out whose names begin with '_' or '.', as that of {url!r}: rename it, "
                "or set engine = duckdb"
            )
        if _MOVED.search(path):
            raise LogsInvalid(
                f"engine = spark reads another file by the name {url!r}, which has an empty part or one of dots: "
                "rename it, or set engine = duckdb"
            )
