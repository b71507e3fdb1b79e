"""Puts the rows of files under each other whose columns have different types: the type is the one that DuckDB takes."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame

WHOLE = ("tinyint", "smallint", "int", "bigint")
_SPELLED_ALIKE = {*WHOLE, "boolean", "date", "string"}
"""Types whose values are the same text on every engine."""
_SEVERAL_TYPES = ("CANNOT_MERGE_SCHEMAS", "Fail to merge schema")
"""What the errors name, of Spark and of Sail."""
_DIALECT = SparkDialect()


def have_several_types(problem: Exception) -> bool:
    """Whether Spark refuses files for a column that has several types in them."""
    return any(mark in str(problem) for mark in _SEVERAL_TYPES)


def groups_of(kinds: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Return files in groups that have one type for each column, as few as come about by their order.

    Args:
        kinds: The types of the columns of each file, by URL and name.
    """
    groups: list[tuple[dict[str, str], list[str]]] = []
    for url, of_file in kinds.items():
        fitting = (group for group in groups if all(group[0].get(name, kind) == kind for name, kind in of_file.items()))
        known, urls = next(fitting, ({}, []))
        if not urls:
            groups.append((known, urls))
        known |= of_file
        urls.append(url)
    return [urls for _, urls in groups]


def union(parts: "Mapping[str, DataFrame]") -> "DataFrame":
    """Return the rows of all parts, with the columns of all; what one lacks is NULL.

    Args:
        parts: Rows, by the URL of a file of theirs.

    Raises:
        LogsInvalid: where the types of a column have no type in common that DuckDB takes, too.
    """
    schemas = {url: {f.name: str(f.dataType.simpleString()) for f in rows.schema.fields} for url, rows in parts.items()}
    names = dict.fromkeys(name for schema in schemas.values() for name in schema)
    kinds = {name: _type_of(name, schemas) for name in names}
    whole: DataFrame | None = None
    for url, rows in parts.items():
        part = rows.selectExpr(*(_column(name, kind, schemas[url].get(name)) for name, kind in kinds.items()))
        whole = part if whole is None else whole.union(part)
    if whole is None:
        raise LogsInvalid("there is no file to read")
    return whole


def common_type(kinds: Collection[str]) -> str | None:
    """Return the type of a column that has several, by Spark's names; None where values would be written otherwise."""
    known = {*kinds} - {"void"}
    if len(known) < 2:  # noqa: PLR2004 - one, or none but NULL
        return next(iter(known), "void")
    if known <= {*WHOLE}:
        return max(known, key=WHOLE.index)
    if "double" in known and known <= {*WHOLE, "float", "double"}:
        return "double"
    return "string" if "string" in known and known <= _SPELLED_ALIKE else None


def column_as(name: str, kind: str, stored: str) -> str:
    """Return a column as values of a type that it may have already."""
    column = _DIALECT.identifier(name)
    return column if stored == kind else f"CAST({column} AS {kind})"


def _type_of(name: str, schemas: Mapping[str, Mapping[str, str]]) -> str:
    found: dict[str, str] = {}
    for url, schema in schemas.items():
        if name in schema:
            found.setdefault(schema[name], url)
    if (kind := common_type(found)) is None:
        last = [*found][-1]
        raise LogsInvalid(f"column {name!r} has several types, {' and '.join(found)}, the latter in {found[last]}")
    return kind


def _column(name: str, kind: str, stored: str | None) -> str:
    column = _DIALECT.identifier(name)
    return f"{column_as(name, kind, stored) if stored else f'CAST(NULL AS {kind})'} AS {column}"
