"""What must an engine do? Run SQL over log files and hand back Arrow.

Everything else about the logs is in statements.py, in SQL that is the same for every engine.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Engine(Protocol):
    """Where counting runs."""

    def open_logs(self, urls: Sequence[str]) -> Mapping[str, str]:
        """Make the Parquet files queryable as the table `logs`; return its columns and their SQL types."""

    def query(self, sql: str, what: str = "query") -> "pa.Table":
        """Run one statement and return all its rows; `what` names it in the log of a long run."""

    def keep(self, sql: str) -> None:
        """Let the table `logs` from now on be the rows that a statement over it returns."""

    def quote(self, identifier: str) -> str:
        """Return an identifier quoted for this engine's SQL."""
