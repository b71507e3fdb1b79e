"""Counting on this machine: DuckDB, out of core, straight on the Parquet files in S3."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rtb_optimizer.engines.shared_files import SharedFiles
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem


class DuckDBEngine(AbstractContextManager["DuckDBEngine"]):
    """A DuckDB of its own, with bounded threads and memory; what does not fit is spilled to a temporary folder.

    Files come through `filesystem`, since DuckDB's own S3 reader is an extension that would be downloaded.
    """

    def __init__(self, filesystem: "FileSystem", threads: int, memory_mb: int) -> None:
        import duckdb
        from fsspec.implementations.arrow import ArrowFSWrapper

        self._spill = tempfile.TemporaryDirectory(prefix="rtb_optimizer_spill_")
        self._duckdb = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": self._spill.name,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._duckdb.execute("SET TimeZone = 'UTC'")  # the machine's zone must not show in what is counted
        self._duckdb.register_filesystem(ArrowFSWrapper(SharedFiles(filesystem)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._duckdb.close()
        self._spill.cleanup()

    def open_logs(self, urls: Sequence[str]) -> Mapping[str, str]:
        """See Engine. Files may differ in their columns: what one lacks is NULL."""
        import duckdb

        listed = ", ".join(literal(_one_file(url)) for url in urls)
        try:
            self._duckdb.execute(
                "CREATE OR REPLACE VIEW logs AS SELECT * FROM "
                f"read_parquet([{listed}], union_by_name = true, filename = 'source_file', hive_partitioning = false)"
            )
            columns = self.query("DESCRIBE logs").to_pydict()
        except duckdb.Error as problem:
            raise LogsInvalid(f"the log files cannot be read: {_cause(problem)}") from problem
        return dict(zip(columns["column_name"], columns["column_type"], strict=True))

    def query(self, sql: str) -> "pa.Table":
        """See Engine.

        Raises:
            LogsInvalid: when the statement fails, as on a truncated file or a value of another type.
        """
        import duckdb

        try:
            return self._duckdb.sql(sql).to_arrow_table()
        except duckdb.Error as problem:
            raise LogsInvalid(f"counting the logs failed: {_cause(problem)}") from problem

    def quote(self, identifier: str) -> str:
        """See Engine."""
        return '"' + identifier.replace('"', '""') + '"'


def _cause(problem: Exception) -> str:
    """Return the line of a DuckDB error that says what is wrong: below the traceback where Python read the file."""
    lines = [line for line in str(problem).splitlines() if line.strip() and not line[0].isspace()]
    said = [line for line in lines if not line.startswith(("Traceback", "LINE "))] or ["it does not say why"]
    return said[-1] if lines[0].startswith("Traceback") else said[0]


def literal(text: str) -> str:
    """Return a string as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _one_file(url: str) -> str:
    """Return the glob that matches this URL alone."""
    return re.sub(r"[*?[]", r"[\g<0>]", url)
