"""Declares the interface of an engine: it runs SQL over log files and returns Arrow.

Everything else about the logs is in engines/sql, in SQL that is the same for every engine.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Engine(Protocol):
    """An engine that counts the logs."""

    def open_logs(self, urls: Sequence[str]) -> Mapping[str, str]:
        """Make the Parquet files queryable as the table `logs`; return its columns and their SQL types.

        The table also has the columns SOURCE_FILE and SOURCE_ROW of engines/sql/identity.
        """

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the files that lack a column which others have, by column, as far as there are any."""

    def query(self, sql: str, what: str = "query") -> "pa.Table":
        """Run one statement and return all its rows; `what` names it in the log of a long run."""

    def keep(self, sql: str) -> None:
        """Replace the table `logs` by the rows that a statement over it returns."""

    def quote(self, identifier: str) -> str:
        """Return an identifier quoted for this engine's SQL."""
