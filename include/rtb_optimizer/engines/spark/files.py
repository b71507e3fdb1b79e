"""Makes Parquet files a table on the cluster, with the file and the position of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtb_optimizer.core.config.formats import PARQUET
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

UNESCAPED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/=:@!$&'()*+,;")
"""Characters of a path that stand for themselves in the name of a file that Spark tells."""
TYPES = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "int": "INTEGER",
    "smallint": "SMALLINT",
    "tinyint": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "binary": "BLOB",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "void": "INTEGER",
}
"""The names that statements know types by, by Spark's."""
_DIALECT = SparkDialect()
NESTED = {"struct": "STRUCT", "map": "MAP", "array": "[]"}


@dataclass(frozen=True, slots=True)
class OpenedTable:
    """A table on the cluster, and its columns with their types as statements know them."""

    rows: "DataFrame"
    types: Mapping[str, str]


def open_files(session: "SparkSession", urls: Sequence[str], reading: Reading, s3_scheme: str) -> OpenedTable:
    """Return the rows of files, whose columns may differ: what one lacks is NULL.

    Raises:
        LogsInvalid: for what is read on one machine alone: texts, tables of a lake, paths into records.
    """
    _require_plain(urls, reading)
    paths = {_path(url, s3_scheme): url for url in urls}
    rows = _with_places(session, paths)
    own = [field for field in rows.schema.fields if field.name not in (SOURCE_FILE, SOURCE_ROW)]
    types = {field.name: type_of(field.dataType) for field in own}
    _require_spelled(reading.columns, types)
    return OpenedTable(rows, types)


def type_of(kind: Any) -> str:  # noqa: ANN401 - imported late
    """Return the name by which statements know a type."""
    name = str(kind.simpleString())
    nested = NESTED.get(name.partition("<")[0])
    return nested or TYPES.get(name) or name.upper()


def _with_places(session: "SparkSession", paths: Mapping[str, str]) -> "DataFrame":
    """Return the rows with SOURCE_FILE, the URL, and SOURCE_ROW, the position in the file."""
    from pyspark.errors import AnalysisException, SparkNoSuchElementException, UnsupportedOperationException

    files = session.read.option("mergeSchema", "true").parquet(*paths)
    root = "local:///" if next(iter(paths.values())).startswith("local:") else "s3://"
    url = f"CONCAT('{root}', REGEXP_REPLACE(_metadata.file_path, '^[a-z0-9]+:/+', ''))"
    try:
        placed = files.selectExpr("*", f"{url} AS {SOURCE_FILE}", f"_metadata.row_index AS {SOURCE_ROW}")
        _ = placed.schema
    except (AnalysisException, SparkNoSuchElementException, UnsupportedOperationException):
        return _file_by_file(session, paths)
    return placed


def _file_by_file(session: "SparkSession", paths: Mapping[str, str]) -> "DataFrame":
    """Return the same from a server that does not tell places: each file by itself, its rows as they are numbered."""
    files = {url: session.read.parquet(path) for path, url in paths.items()}
    schemas = {url: {field.name: field.dataType for field in rows.schema.fields} for url, rows in files.items()}
    kinds: dict[str, str] = {}
    for url, schema in schemas.items():
        for name, kind in schema.items():
            known = kinds.setdefault(name, kind.simpleString())
            if known != kind.simpleString():
                both = f"{known} and {kind.simpleString()}"
                raise LogsInvalid(f"column {name!r} has two types, {both}, the latter in {url}")
    whole: DataFrame | None = None
    for url, rows in files.items():
        columns = [
            _DIALECT.identifier(name)
            if name in schemas[url]
            else f"CAST(NULL AS {kind}) AS {_DIALECT.identifier(name)}"
            for name, kind in kinds.items()
        ]
        place = (f"{_DIALECT.literal(url)} AS {SOURCE_FILE}", f"monotonically_increasing_id() AS {SOURCE_ROW}")
        part = rows.selectExpr(*columns, *place)
        whole = part if whole is None else whole.union(part)
    if whole is None:
        raise LogsInvalid("there is no file to read")
    return whole


def _path(url: str, s3_scheme: str) -> str:
    """Return a URL as the cluster spells it."""
    scheme, _, rest = url.partition("://")
    return f"file://{rest}" if scheme == "local" else f"{s3_scheme}://{rest}"


def _require_plain(urls: Sequence[str], reading: Reading) -> None:
    texts = [url for url, content in reading.contents.items() if content != PARQUET]
    if texts:
        raise LogsInvalid(
            f"engine = spark reads Parquet, and {texts[0]} is text: set engine = duckdb, or write Parquet"
        )
    if reading.table is not None or reading.values or reading.deleted:
        raise LogsInvalid("engine = spark reads files, no tables of a lake: set engine = duckdb")
    odd = [url for url in urls if not UNESCAPED.issuperset(url)]
    if odd:
        raise LogsInvalid(
            f"engine = spark takes names of files in plain ASCII without spaces, not {odd[0]!r}: rename it"
        )


def _require_spelled(names: Sequence[str], types: Mapping[str, str]) -> None:
    """Raise LogsInvalid for names that another engine would find in another case or within a record."""
    roots = {name.casefold() for name in types}
    near = [name for name in names if name not in types and {name.casefold(), name.casefold().split(".")[0]} & roots]
    if near:
        raise LogsInvalid(
            f"engine = spark reads columns as they are spelled, and there is no column {', '.join(map(repr, near))}: "
            "name it as it is, or set engine = duckdb for paths into records"
        )
