"""Counts on this machine: DuckDB, out of core, straight on the Parquet files in S3."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rtb_optimizer.engines.duckdb.failures import classify_duckdb_error
from rtb_optimizer.engines.duckdb.log_view import LogView
from rtb_optimizer.engines.duckdb.names import one_file, quoted
from rtb_optimizer.engines.duckdb.spill import SpillFolder
from rtb_optimizer.engines.files.stored import StoredFiles
from rtb_optimizer.engines.parquet.row_groups import RowGroups, bounded_columns, bounds_statement
from rtb_optimizer.engines.progress import Progress
from rtb_optimizer.engines.protocol import AS_THEY_ARE, BadLines, JsonColumns, Reading
from rtb_optimizer.engines.sql.dialect import Dialect, literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE
from rtb_optimizer.errors import LogsInvalid, RtbOptimizerError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyarrow.fs import FileSystem

    from rtb_optimizer.engines.files.source import FileSource


NOT_TEXT = "is not valid UTF8"
"""What DuckDB says of a text column with other bytes; it names the file and not the column."""
STREAMED_ROWS = 1 << 16


class DuckDBEngine(AbstractContextManager["DuckDBEngine"]):
    """A DuckDB of its own, with bounded threads and memory; what does not fit is spilled to a temporary folder.

    Files come through `filesystem`, since DuckDB's own S3 reader is an extension that would be downloaded; without
    one, URLs are paths of this machine. What is held of a store's files is part of the memory.
    """

    dialect = Dialect()

    def __init__(self, filesystem: "FileSystem | FileSource | None", threads: int, memory_mb: int) -> None:
        import duckdb

        from rtb_optimizer.engines.duckdb.shared_files import OpenedFiles, SharedFiles

        self._stored, memory_mb = StoredFiles.of(filesystem, memory_mb)
        filesystem = self._stored or filesystem
        self._spill = SpillFolder()
        self._duckdb = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": self._spill.path,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "perfect_ht_threshold": 0,  # it trusts a file's statistics: a value beyond them would crash the process
            }
        )
        self._duckdb.execute("SET TimeZone = 'UTC'")  # counts must not depend on the machine's zone
        self._duckdb.execute("SET parquet_metadata_cache = true")  # each footer is parsed once, not once a statement
        self._files = SharedFiles(filesystem) if filesystem is not None else None
        if self._files is not None:
            self._duckdb.register_filesystem(OpenedFiles(self._files))
        self.threads, self._filesystem = threads, filesystem
        self._urls: tuple[str, ...] = ()
        self._view = LogView(self._duckdb, filesystem, (), AS_THEY_ARE)
        self._events: dict[str, LogView] = {}
        self._event_urls: tuple[str, ...] = ()
        self._kept = False
        self._idle: list[duckdb.DuckDBPyConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for database in (self._duckdb, *self._idle):
            database.close()
        if self._stored is not None:
            self._stored.close()
        self._spill.remove()

    @property
    def described(self) -> str:
        """See Engine."""
        import duckdb

        return f"duckdb {duckdb.__version__}"

    def rows(self, table: str = "logs") -> int:
        """See Engine."""
        return self._view_of(table).rows

    def bad_lines(self, table: str = "logs") -> Sequence[BadLines]:
        """See Engine."""
        return self._view_of(table).bad_lines

    def found(self) -> Mapping[str, JsonColumns]:
        """See Engine."""
        return self._view.found

    def _view_of(self, table: str) -> LogView:
        return self._view if table == "logs" else self._events[table]

    def open_logs(self, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """See Engine. Files may differ in their columns: what one lacks is NULL."""
        self._urls = tuple(urls)
        self._view, types = self._open("logs", urls, reading, "log files")
        return types

    def open_events(self, name: str, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """See Engine."""
        self._event_urls += tuple(urls)
        self._events[name], types = self._open(name, urls, reading, name.replace("_", " "))
        return types

    def _open(self, name: str, urls: Sequence[str], reading: Reading, what: str) -> tuple[LogView, Mapping[str, str]]:
        import duckdb

        try:
            view = LogView(self._duckdb, self._filesystem, tuple(urls), reading, name)
            view.stage(Path(self._spill.path, name), self.threads, self._one_thread)
            return view, view.create()
        except duckdb.Error as problem:
            raise self._failure(f"the {what} cannot be read", problem, urls) from problem

    def store(self, name: str, sql: str) -> None:
        """See Engine. The rows are stored in memory, beyond its bound on disk."""
        import duckdb

        self._expect(sql)
        try:
            with Progress(name, self._view.rows, lambda: self._duckdb.query_progress() / 100):
                self._duckdb.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")
        except duckdb.Error as problem:
            raise self._failure(
                "joining the logs of events failed", problem, self._urls + self._event_urls
            ) from problem

    def store_rows(self, name: str, rows: "pa.Table") -> None:
        """See Engine."""
        self._duckdb.register("given", rows)
        self._duckdb.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
        self._duckdb.unregister("given")

    def add_columns(self, table: str, columns: Mapping[str, str]) -> Mapping[str, str]:
        """See Engine."""
        return self._view.add(table, columns)

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See Engine."""
        return self._view.files_without(columns, self.query)

    def nested_columns(self) -> Sequence[str]:
        """Return the paths of the plain values in records and lists of the opened files, the first of a list each."""
        return self._view.nested_columns()

    def query(self, sql: str, what: str = "query") -> "pa.Table":
        """See Engine.

        Raises:
            LogsInvalid: when the statement fails, as on a truncated file or a value of another type.
            StoreFailed: when a file could not be read from S3.
            EngineFull: when there is no memory or disk left.
        """
        import duckdb

        self._expect(sql)
        try:
            with Progress(what, self._view.rows, lambda: self._duckdb.query_progress() / 100):
                return self._duckdb.sql(sql).to_arrow_table()
        except duckdb.Error as problem:
            raise self._failure("counting the logs failed", problem, self._urls) from problem

    def stream(self, sql: str, what: str = "query") -> "Generator[pa.RecordBatch, None, None]":
        """See Engine. It raises as `query` does."""
        import duckdb
        import pyarrow as pa

        self._expect(sql)
        try:
            with Progress(what, self._view.rows, lambda: self._duckdb.query_progress() / 100):
                yield from self._duckdb.sql(sql).to_arrow_reader(STREAMED_ROWS)
        except (duckdb.Error, pa.ArrowException, OSError) as problem:
            raise self._failure("counting the logs failed", problem, self._urls) from problem

    def keep(self, sql: str) -> None:
        """See Engine. The rows are stored in memory, beyond its bound on disk."""
        import duckdb

        self._expect(sql)
        try:
            with Progress("rows kept", self._view.rows, lambda: self._duckdb.query_progress() / 100):
                self._duckdb.execute(f"CREATE TABLE kept AS {sql}")
            self._duckdb.execute("CREATE OR REPLACE VIEW logs AS SELECT * FROM kept")
        except duckdb.Error as problem:
            raise self._failure("counting the logs failed", problem, self._urls) from problem
        self._kept = True

    def row_groups(self, columns: Sequence[str]) -> RowGroups | None:
        """Return the files' row groups, for counting without SQL, or None where only SQL reads them all alike."""
        added = {name: column for name, column in self._view.added.items() if name in columns}
        stored = [name for name in columns if name not in added]
        if self._kept or not self._view.has_as_stored(stored):
            return None
        groups = RowGroups.of(self._filesystem, self._urls, stored)
        if groups is not None and added:
            groups = groups.with_places(self._view.places(), added)
        columns_with_bounds = bounded_columns(groups.types) if groups is not None else []
        if groups is not None and columns_with_bounds:
            statement = bounds_statement(self._view.listed(), columns_with_bounds)
            rows = zip(*self.query(statement, "statistics of the files").to_pydict().values(), strict=True)
            at = {url: n for n, url in enumerate(self._urls)}
            groups = groups.with_bounds(((at[url], group), *of_column) for url, group, *of_column in rows)
        if self._stored is not None:
            self._stored.expect(stored)
        return groups

    def measure(self, sql: str, batch: "pa.RecordBatch") -> "Mapping[str, NDArray[np.generic]]":
        """Run a statement over a batch as the table `logs`; return its columns in the order of the rows."""
        import duckdb
        import pyarrow as pa

        try:
            with self._small() as small:
                small.register("logs", pa.Table.from_batches([batch]))
                columns = small.sql(sql).to_arrow_table()
                small.unregister("logs")
        except duckdb.Error as problem:
            raise self._failure("counting the logs failed", problem, self._urls) from problem
        return {name: columns[name].to_numpy() for name in columns.column_names}

    @contextmanager
    def _small(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Lend a database of its own, in which `logs` is a batch; they are pooled, since creating one is slow."""
        import duckdb

        try:
            small = self._idle.pop()
        except IndexError:
            small = duckdb.connect(config={"threads": 1})
            small.execute("SET TimeZone = 'UTC'")
        yield small
        self._idle.append(small)

    @contextmanager
    def _one_thread(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Lend a database of one thread, which reads the lines of a file in their order."""
        import duckdb

        with duckdb.connect(config={"threads": 1, "autoload_known_extensions": False}) as database:
            if self._files is not None:
                from rtb_optimizer.engines.duckdb.shared_files import OpenedFiles

                database.register_filesystem(OpenedFiles(self._files))
            yield database

    def _expect(self, sql: str) -> None:
        """Have the columns that a statement names read together."""
        if self._stored is not None:
            named = (column for view in (self._view, *self._events.values()) for column in view.named_in(sql))
            self._stored.expect([*named])

    def _failure(self, what: str, problem: Exception, urls: Sequence[str]) -> RtbOptimizerError:
        if self._files is not None and self._files.failure is not None:
            return self._files.failure  # the store's failure, however DuckDB reports it
        if NOT_TEXT in str(problem):
            return LogsInvalid(f"{what}: {self._undecodable()}")
        return classify_duckdb_error(what, problem, urls, self._spill.path, self._opens)

    def _undecodable(self) -> str:
        """Return a message about the text columns that hold bytes that are not UTF-8."""
        import duckdb

        found = []
        texts = [name for name, kind, *_ in self._duckdb.execute("DESCRIBE logs").fetchall() if kind == "VARCHAR"]
        for name in (name for name in texts if name != SOURCE_FILE):
            try:
                self._duckdb.execute(f"SELECT MAX(LENGTH({quoted(name)})) FROM logs").fetchall()
            except duckdb.Error:
                found.append(repr(name))
        return (
            f"column {', '.join(found) or 'of some name'} is declared as text and holds bytes that are not UTF-8; "
            "deliver it as UTF-8, or as binary, whose other bytes are replaced"
        )

    def _opens(self, url: str) -> bool:
        import duckdb

        try:
            self._duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet({literal(one_file(url))})").fetchall()
        except duckdb.Error:
            return False
        return True
