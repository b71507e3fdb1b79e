"""Gives the rows of a lake's files on the cluster the columns that the table has, and leaves its deleted rows out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.file_values import with_file_values, without_rows
from rtb_optimizer.engines.spark.files import columns_of
from rtb_optimizer.engines.spark.types import spark_type
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

_DIALECT = SparkDialect()


@dataclass(frozen=True, slots=True)
class LakeColumns:
    """The columns of a table of a lake that a run reads; `reading` says how they lie in the files."""

    reading: Reading

    @property
    def computed(self) -> Mapping[str, str]:
        """The columns by name, with the name that files have for it; empty where none has it."""
        return {**self._table.stored_as, **dict.fromkeys(self._shared, "")}

    @property
    def _table(self) -> TableColumns:
        return self.reading.table or TableColumns()

    @property
    def _shared(self) -> Mapping[str, str]:
        wanted = {name.casefold() for name in self.reading.columns}
        return {name: kind for name, kind in self._table.shared.items() if name.casefold() in wanted}

    def of(self, session: "SparkSession", rows: "DataFrame", urls: Sequence[str]) -> "DataFrame":
        """Return the rows of the files as those of the table."""
        shared, renamed = self._shared, {name.casefold() for name in self._table.stored_as}
        if shared or renamed:
            names = {stored.casefold(): name for name, stored in self._table.stored_as.items()}
            gone = {name.casefold() for name in shared}
            kept = [
                f"{_DIALECT.identifier(column)} AS {_DIALECT.identifier(names.get(fold, column))}"
                for column, fold in ((name, name.casefold()) for name in columns_of(rows))
                if names.get(fold, column).casefold() not in gone and (fold in names or fold not in renamed)
            ]
            rows = rows.selectExpr(*kept, SOURCE_FILE, SOURCE_ROW)
        values = {name: {url: self.reading.values.get(url, {}).get(name) for url in urls} for name in shared}
        kinds = {name: spark_type(kind) or "STRING" for name, kind in shared.items()}
        return without_rows(session, with_file_values(session, rows, urls, values, kinds), self.reading.deleted)


def read_by_id(
    by_id: Mapping[int, tuple[str, str]],
    ids: Mapping[str, Mapping[int, str]],
    read: Callable[[Sequence[str]], "DataFrame"],
) -> "DataFrame":
    """Return the rows of files whose columns are found by their field ids, under the table's names and types.

    Args:
        by_id: The name and the type of each column, by its id.
        ids: The names of the columns of each file by their ids, by URL.
        read: Returns the rows of files that call all columns alike.

    Raises:
        LogsInvalid: where a file has no ids, or the records of files that differ in names differ themselves.
    """
    groups: dict[tuple[tuple[int, str], ...], list[str]] = {}
    for url, names in ids.items():
        if not names:
            raise LogsInvalid(f"{url} has no field ids, and the table has renamed columns: rewrite its files")
        groups.setdefault(tuple(sorted(names.items())), []).append(url)
    parts = [(dict(names), read(urls)) for names, urls in groups.items()]
    kinds = {number: _kind_of(number, *column, parts) for number, column in by_id.items()}
    typed = (rows.selectExpr(*_under_ids(by_id, kinds, names)) for names, rows in parts)
    return reduce(lambda whole, part: whole.union(part), typed)


def _kind_of(number: int, name: str, kind: str, parts: Iterable[tuple[Mapping[int, str], Any]]) -> str:
    """Return Spark's type of a column: that of the table where it is a plain one, else the one that all files have."""
    if (plain := spark_type(kind)) is not None:
        return plain
    stored = {columns_of(rows)[names[number]].simpleString() for names, rows in parts if number in names}  # type: ignore[attr-defined]
    if len(stored) > 1:
        raise LogsInvalid(
            f"the records of column {name!r} differ between files that call columns otherwise, which engine = spark "
            "does not read: rewrite the files, or set engine = duckdb"
        )
    return str(next(iter(stored), "void"))


def _under_ids(by_id: Mapping[int, tuple[str, str]], kinds: Mapping[int, str], names: Mapping[int, str]) -> list[str]:
    columns = [
        f"CAST({_DIALECT.identifier(names[number]) if number in names else 'NULL'} AS {kinds[number]}) "
        f"AS {_DIALECT.identifier(name)}"
        for number, (name, _) in by_id.items()
    ]
    return [*columns, SOURCE_FILE, SOURCE_ROW]
