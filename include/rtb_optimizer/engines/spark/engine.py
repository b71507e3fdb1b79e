"""Counts on a cluster: Spark, by Spark Connect. What comes back are counts and the sample, never the logs."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rtb_optimizer.engines.files.stored import StoredFiles
from rtb_optimizer.engines.progress import Progress
from rtb_optimizer.engines.protocol import AS_THEY_ARE, BadLines, JsonColumns, Reading
from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.failures import classify_spark_error
from rtb_optimizer.engines.spark.log_view import ClusterView
from rtb_optimizer.engines.spark.session import Cluster, open_session
from rtb_optimizer.engines.spark.types import type_of
from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow.fs import FileSystem

    from rtb_optimizer.engines.files.source import FileSource

FOOTERS_MB = 16


class SparkEngine(AbstractContextManager["SparkEngine"]):
    """A session of a cluster.

    The cluster reads the files with its own rights. Their footers are read here as well, through `filesystem`, for the
    columns that single files lack.
    """

    dialect: Dialect = SparkDialect()

    def __init__(self, cluster: Cluster, filesystem: "FileSystem | FileSource | None") -> None:
        self._stored, _ = StoredFiles.of(filesystem, FOOTERS_MB)
        self._cluster, self._filesystem = cluster, self._stored or filesystem
        self._session = open_session(cluster)
        self._urls: tuple[str, ...] = ()
        self._event_urls: tuple[str, ...] = ()
        self._added: frozenset[str] = frozenset()
        self._rows = -1
        self._view = ClusterView(self._session, self._filesystem)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.stop()
        if self._stored is not None:
            self._stored.close()

    @property
    def described(self) -> str:
        """See Engine."""
        with self._sorted("the cluster does not tell its version"):
            return f"spark {self._session.version}"

    def rows(self, table: str = "logs") -> int:
        """See Engine."""
        if self._rows < 0:
            self._rows = int(self.query(f"SELECT COUNT(*) AS n FROM {table}", "rows")["n"][0].as_py())
        return self._rows

    def bad_lines(self, table: str = "logs") -> Sequence[BadLines]:  # noqa: ARG002 - Parquet has no lines
        """See Engine."""
        return ()

    def found(self) -> Mapping[str, JsonColumns]:
        """See Engine."""
        return {}

    def open_logs(self, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """See Engine.

        Raises:
            LogsInvalid: for files that the cluster cannot read, and for what only DuckDB reads.
        """
        self._urls = tuple(urls)
        with self._sorted("the log files cannot be read"):
            self._view = self._view_of(urls, reading)
            self._added = frozenset()
            return self._view.create("logs")

    def open_events(self, name: str, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:
        """See Engine. It raises as `open_logs` does."""
        self._event_urls += tuple(urls)
        with self._sorted(f"the {name.replace('_', ' ')} cannot be read", tuple(urls)):
            return self._view_of(urls, reading).create(name)

    def _view_of(self, urls: Sequence[str], reading: Reading) -> ClusterView:
        return ClusterView(self._session, self._filesystem, urls, reading, self._cluster.s3_scheme)

    def store(self, name: str, sql: str) -> None:
        """See Engine. The rows stay on the cluster, in memory and beyond it on disk."""
        with self._sorted("counting the logs failed", (*self._urls, *self._event_urls)):
            self._session.sql(sql).createOrReplaceTempView(name)
            self._session.table(name).persist()

    def store_rows(self, name: str, rows: "pa.Table") -> None:
        """See Engine."""
        with self._sorted("joining the logs of events failed", (*self._urls, *self._event_urls)):
            self._session.createDataFrame(rows).createOrReplaceTempView(name)

    def add_columns(self, table: str, columns: Mapping[str, str]) -> Mapping[str, str]:
        """See Engine."""
        self._added = frozenset(columns)
        named = ", ".join(f"COALESCE(t.{column}, 0) AS {self.dialect.identifier(n)}" for n, column in columns.items())
        places = " AND ".join(f"seen.{part} = t.{part}" for part in (SOURCE_ROW, SOURCE_FILE))
        with self._sorted("joining the logs of events failed", (*self._urls, *self._event_urls)):
            self._session.table("logs").createOrReplaceTempView("seen")
            self._session.sql(
                f"SELECT seen.*, {named} FROM seen LEFT JOIN {table} AS t ON {places}"
            ).createOrReplaceTempView("logs")
            fields = self._session.table("logs").schema.fields
        return {field.name: type_of(field.dataType) for field in fields if field.name in columns}

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See Engine. Columns that `add_columns` gave are in no file."""
        return self._view.files_without([name for name in columns if name not in self._added])

    def query(self, sql: str, what: str = "query") -> "pa.Table":
        """See Engine.

        Raises:
            LogsInvalid: when the statement fails, as on a truncated file or a value of another type.
            StoreFailed: when the cluster cannot read from S3.
            EngineFull: when an executor has no memory or disk left.
            EngineLost: when the cluster does not answer, or lost a worker for good.
        """
        with self._sorted("counting the logs failed"), Progress(what, max(self._rows, 0), lambda: -1.0):
            return self._session.sql(sql).toArrow()

    def stream(self, sql: str, what: str = "query") -> "Generator[pa.RecordBatch, None, None]":
        """See Engine. It raises as `query` does."""
        import pyarrow as pa
        from pyspark.sql.pandas.types import to_arrow_schema

        with self._sorted("counting the logs failed"), Progress(what, max(self._rows, 0), lambda: -1.0):
            rows = self._session.sql(sql)
            client = self._session.client
            schema = to_arrow_schema(rows.schema, timezone="UTC")
            for part in client.to_table_as_iterator(rows._plan.to_proto(client), {}):  # noqa: SLF001 - toArrow holds all
                if isinstance(part, pa.Table):
                    yield from part.cast(schema).to_batches()

    def keep(self, sql: str) -> None:
        """See Engine. The rows stay on the cluster, in memory and beyond it on disk."""
        self.store("logs", sql)
        self._rows = -1

    @contextmanager
    def _sorted(self, what: str, urls: Sequence[str] = ()) -> "Iterator[None]":
        """Turn errors of Spark and of the connection into the product's."""
        import grpc
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, grpc.RpcError, ConnectionError) as problem:
            raise classify_spark_error(what, problem, urls or self._urls) from problem
