"""A second SQL engine behind the same protocol: DataFusion, which shares no code with DuckDB.

It runs the product's statements as they are. Only what no standard defines is translated: the names of types, which
`LogTable` has as DuckDB writes them, and the column with the file a row came from. Sampling is not here:
its hash is DuckDB's own, and another engine would draw another sample that is as good.

Two things engines do not agree on, and no test pretends they do: sums beyond 64 bits, nine trillion units of money,
which DataFusion wraps around; and how a float of 1e20, a NaN or an instant is written as text, should `row_filter`
name one.
"""

from collections.abc import Generator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datafusion import SessionConfig, SessionContext, udf

from rtb_optimizer.engines.protocol import AS_THEY_ARE, Reading
from rtb_optimizer.engines.sql.dialect import Dialect, literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW

TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
}

INSTANT = pa.timestamp("us")
# Functions of DuckDB that DataFusion has by other names, or not at all.
MAKE_TIMESTAMP = udf(lambda micros: pc.cast(micros, INSTANT), [pa.int64()], INSTANT, "immutable", "make_timestamp")
TRY_STRPTIME = udf(
    lambda text, pattern: pc.strptime(text, pattern[0].as_py(), "us", error_is_null=True),
    [pa.string(), pa.string()],
    INSTANT,
    "immutable",
    "try_strptime",
)


class DataFusionEngine:
    """DataFusion in this process, on files of this machine."""

    dialect = Dialect()
    described = "datafusion"

    def __init__(self, threads: int) -> None:
        config = {"datafusion.execution.time_zone": "UTC", "datafusion.execution.target_partitions": str(threads)}
        self._session = SessionContext(SessionConfig(config))
        for function in (MAKE_TIMESTAMP, TRY_STRPTIME):
            self._session.register_udf(function)

    def open_logs(self, urls: Sequence[str], reading: Reading = AS_THEY_ARE) -> Mapping[str, str]:  # noqa: ARG002 - plain Parquet
        """See Engine. A file's name is a constant of its part of the union: there is no column for it."""
        parts, types = [], {}
        self._columns = {url: set(pq.read_schema(url.removeprefix("local://")).names) for url in urls}
        for n, url in enumerate(urls):
            path = url.removeprefix("local://")
            self._session.register_parquet(f"file_{n}", path)
            place = f"{literal(url)} AS {SOURCE_FILE}, ROW_NUMBER() OVER () AS {SOURCE_ROW}"
            parts.append(f"SELECT *, {place} FROM file_{n}")
            types |= {field.name: duckdb_name(field.type) for field in pq.read_schema(path)}
        self._session.sql(f"CREATE VIEW logs AS {' UNION ALL BY NAME '.join(parts)}")
        return types

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See Engine."""
        lacking = {name: [url for url, names in self._columns.items() if name not in names] for name in columns}
        return {name: urls for name, urls in lacking.items() if urls}

    def query(self, sql: str, what: str = "query") -> pa.Table:  # noqa: ARG002 - nothing here takes long
        """See Engine."""
        return self._session.sql(sql).to_arrow_table()

    def stream(self, sql: str, what: str = "query") -> Generator[pa.RecordBatch, None, None]:
        """See Engine."""
        rows = self.query(sql, what)
        plain = [f.with_type(pa.string()) if f.type == pa.string_view() else f for f in rows.schema]
        yield from rows.cast(pa.schema(plain)).to_batches()

    def keep(self, sql: str) -> None:
        """See Engine."""
        self._session.sql(f"CREATE TABLE kept AS {sql}").collect()
        self._session.sql("DROP VIEW logs").collect()
        self._session.sql("CREATE VIEW logs AS SELECT * FROM kept").collect()


def duckdb_name(kind: pa.DataType) -> str:
    """Return DuckDB's name of a type, as far as the statements need it."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    return duckdb_name(kind.value_type) if pa.types.is_dictionary(kind) else TYPES.get(kind, str(kind).upper())
