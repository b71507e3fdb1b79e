"""Declares the interface of an engine: it runs SQL over log files and returns Arrow.

Everything else about the logs is in engines/sql, in SQL that is the same for every engine.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rtb_optimizer.core.config.formats import Content, TextDialect
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.sql.dialect import Dialect

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class JsonColumns:
    """The values in the records of a file's JSON lines, and the lines that are no rows, the first counted from 1.

    A value is given by the names that lead to it: a plain one, a list, or a record without names; what is null in all
    lines is none. `twice` are the values and records that a line was found to give twice, where all lines were told.
    """

    values: Sequence[Sequence[str]]
    bad_lines: int
    first_bad: int
    twice: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How files become the table `logs`, where they are more than Parquet with the configured columns.

    Attributes:
        contents: What files hold, by URL; one that is not named is Parquet.
        columns: The names that the configuration uses. One that no column has exactly is looked for without case, as a
            path into records and lists (`device.geo.country`, `imp.0.banner.w`), and as a key of the folders.
        dialect: How lines of text are cut.
        below: What the URLs of all files begin with: keys of folders (`country=US/`) are those after it.
        table: How the columns of a table of a lake lie in the files; None for files that are no table's.
        values: The values that all rows of a file share, by URL and column, as text.
        deleted: The positions of rows that do not count, by URL.
        found: What files of JSON lines hold, by URL, where that was found before; they are not looked into again.
    """

    contents: Mapping[str, Content] = field(default_factory=dict)
    columns: Sequence[str] = ()
    dialect: TextDialect = field(default_factory=TextDialect)
    below: str = ""
    table: TableColumns | None = None
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    deleted: Mapping[str, Sequence[int]] = field(default_factory=dict)
    found: Mapping[str, JsonColumns] = field(default_factory=dict)


AS_THEY_ARE = Reading()


@dataclass(frozen=True, slots=True)
class BadLines:
    """Lines of a file that are no rows: how many, the number of the first, counted from 1, and what is wrong there."""

    url: str
    lines: int
    first: int
    why: str


class Engine(Protocol):
    """An engine that counts the logs; `dialect` is how its SQL is spelled."""

    dialect: Dialect

    @property
    def described(self) -> str:
        """The engine and its version, as `duckdb 2.0.0`."""

    def rows(self, table: str = "logs") -> int:
        """Return how many rows the opened files of a table have."""

    def bad_lines(self, table: str = "logs") -> Sequence[BadLines]:
        """Return the lines of the opened files of a table that are no rows, and do not count."""

    def found(self) -> Mapping[str, JsonColumns]:
        """Return what the opened files of the logs that hold JSON lines were found to hold, by URL."""

    def open_logs(self, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """Make the files queryable as the table `logs`; return its columns and their SQL types.

        The table also has the columns SOURCE_FILE and SOURCE_ROW of engines/sql/identity.
        """

    def open_events(self, name: str, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """Make files of events queryable as a table of a name; return its columns and their SQL types.

        Args:
            name: The name of the table, as `outcome_logs`.
            urls: The files.
            reading: How they are read.
        """

    def store(self, name: str, sql: str) -> None:
        """Keep the rows that a statement returns as a table."""

    def store_rows(self, name: str, rows: "pa.Table") -> None:
        """Keep rows that were read before as a table."""

    def add_columns(self, table: str, columns: Mapping[str, str]) -> Mapping[str, str]:
        """Give `logs` columns of a stored table, by SOURCE_FILE and SOURCE_ROW, 0 where it lacks a row.

        Args:
            table: The stored table, at most one row for each place.
            columns: The columns of that table, by the names that they get.

        Returns:
            Their SQL types, by those names.
        """

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the files that lack a column which others have, by column, as far as there are any."""

    def query(self, sql: str, what: str = "query") -> "pa.Table":
        """Run one statement and return all its rows; `what` names it in the log of a long run."""

    def stream(self, sql: str, what: str = "query") -> "Generator[pa.RecordBatch, None, None]":
        """Run one statement and yield its rows in parts, for answers that may be large; nothing else runs meanwhile."""

    def keep(self, sql: str) -> None:
        """Replace the table `logs` by the rows that a statement over it returns."""
