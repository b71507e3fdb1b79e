"""Finds what configured names are found as in the columns of a table on the cluster, whose names have their case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.files import columns_of
from rtb_optimizer.engines.spark.types import type_of
from rtb_optimizer.engines.spark.unions import WHOLE, column_as, common_type
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.lookup import by_case, roots_of
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame

PLACES = (SOURCE_FILE, SOURCE_ROW)
_DIALECT = SparkDialect()
_MAX_ELEMENT = 2**31

NamesOf = Callable[[], Mapping[str, Sequence[str]]]
"""Returns the names of the columns of each file, by URL: a request for each."""


@dataclass(frozen=True, slots=True)
class SparkSpelling:
    """The spelling of Spark, over stored columns of some types. See Spelling."""

    types: Mapping[str, Any]

    def column(self, name: str) -> str:
        """See Spelling."""
        return _DIALECT.identifier(name)

    def path(self, root: str, parts: Sequence[str]) -> tuple[str, str] | None:
        """See Spelling.

        Raises:
            LogsInvalid: for a path into a text: Spark takes other texts for JSON, and writes other numbers.
        """
        sql, kind = _DIALECT.identifier(root), self.types[root]
        if kind.typeName() == "string":
            raise LogsInvalid(
                f"engine = spark reads no paths into texts, and {'.'.join((root, *parts))!r} is one, of column "
                f"{root!r}: deliver a record, or set engine = duckdb"
            )
        for part in parts:
            if (found := _BELOW.get(kind.typeName(), _nothing)(sql, kind, part)) is None:
                return None
            sql, kind = found
        return sql, type_of(kind)

    def key(self, name: str) -> str:
        """See Spelling. The value is a column already, see file_values."""
        return _DIALECT.identifier(name)


def _nothing(_sql: str, _kind: Any, _part: str) -> tuple[str, Any] | None:  # noqa: ANN401 - imported late
    return None


def _field(sql: str, kind: Any, part: str) -> tuple[str, Any] | None:  # noqa: ANN401 - imported late
    alike = [field for field in kind.fields if field.name.casefold() == part.casefold()]
    if len(alike) > 1:
        raise LogsInvalid(
            f"the records of the logs have fields {' and '.join(repr(field.name) for field in alike)}, which differ in "
            "case alone: rename one of them"
        )
    return (f"{sql}.{_DIALECT.identifier(alike[0].name)}", alike[0].dataType) if alike else None


def _element(sql: str, kind: Any, part: str) -> tuple[str, Any] | None:  # noqa: ANN401 - imported late
    is_place = part.isdigit() and int(part) < _MAX_ELEMENT
    return (f"get({sql}, {int(part)})", kind.elementType) if is_place else None


def _value(sql: str, kind: Any, part: str) -> tuple[str, Any] | None:  # noqa: ANN401 - imported late
    of_key = kind.keyType.simpleString()
    if of_key != "string" and not (of_key in WHOLE and part.isdigit()):
        return None
    return f"try_element_at({sql}, CAST({_DIALECT.literal(part)} AS {of_key}))", kind.valueType


_BELOW = {"struct": _field, "array": _element, "map": _value}
"""What finds a part of a path below an expression, by the name of its type."""


def with_one_spelling(rows: "DataFrame", names: Sequence[str], names_of: NamesOf) -> "DataFrame":
    """Return rows in which the columns that names may be taken from have one spelling each.

    Each file has one of the spellings of a column; the column takes that of the first.
    Where single files have several, that one is read which is configured.

    Raises:
        LogsInvalid: where it is not clear which of them is meant, or they have different types.
    """
    kinds: Mapping[str, Any] = columns_of(rows)
    asked = {name.casefold() for name in names}
    wanted = {root.casefold() for name in names for root in roots_of(name)}
    several = {fold: alike for fold, alike in by_case(kinds).items() if len(alike) > 1 and fold in wanted}
    if not several:
        return rows
    columns = {name: _DIALECT.identifier(name) for name in kinds}
    for fold, alike in several.items():
        kept = _one_of(alike, names if fold in asked else (), names_of())
        stored = {name: kinds[name].simpleString() for name in ([kept] if kept else alike)}
        if (kind := common_type(stored.values())) is None:
            both = " and ".join(f"{name!r} is {type_of(kinds[name])}" for name in stored)
            raise LogsInvalid(f"files of the logs have one column as several types: {both}; deliver one")
        for name in alike:
            del columns[name]
        read = (column_as(name, kind, of_name) for name, of_name in stored.items())
        columns[kept or alike[0]] = f"COALESCE({', '.join(read)})"
    return rows.selectExpr(*(f"{sql} AS {_DIALECT.identifier(name)}" for name, sql in columns.items()), *PLACES)


def _one_of(alike: Sequence[str], configured: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    """Return which of several spellings is read; empty where each file has one of them at most."""
    in_file = {url: [name for name in of_file if name in alike] for url, of_file in names.items()}
    both = next((url for url, found in in_file.items() if len(found) > 1), "")
    if not both:
        return ""
    exact = {name for name in configured if name.casefold() == alike[0].casefold()}
    if len(exact) != 1 or not exact < set(alike):
        raise LogsInvalid(
            f"the logs have columns {' and '.join(map(repr, in_file[both]))}, which differ in case alone, as in "
            f"{both}: rename one of them, or configure one of these spellings alone"
        )
    [kept] = exact
    other = next((url for url, found in in_file.items() if found and kept not in found), "")
    if other:
        raise LogsInvalid(
            f"{both} has columns {' and '.join(map(repr, in_file[both]))}, and {other} has {in_file[other][0]!r} "
            "alone: rename one of them"
        )
    return kept
