"""Reads the log files by row group, with text columns as dictionary and codes.

Parquet stores a text column as a dictionary and codes. SQL engines group by the text; counting codes with arrays is
several times cheaper, and the dictionaries are small. The lowest and the highest value of a column, from the footer,
are trusted, as SQL engines trust them.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rtb_optimizer.engines.files.stored import StoredFiles
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid, StoreFailed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyarrow.fs import FileSystem

BATCH_ROWS = 1 << 16
"""Rows that fit into a core's cache with their codes; larger arrays are also returned to the system after each use."""

UNITS = ("ms", "us")
_FIELD_ID = b"PARQUET:field_id"

Place = tuple[int, int]
"""A row group: which of the files, and which row group of it."""
Bounds = Mapping[str, tuple[int, int]]
"""Lowest and highest by column, times in microseconds; of whole numbers and times without nulls."""


@dataclass(frozen=True, slots=True)
class Added:
    """A column that files do not have: by file, the numbers of the rows that are not 0, in order, and their values."""

    by_file: "Mapping[int, tuple[NDArray[np.int64], NDArray[np.generic]]]"
    dtype: "np.dtype[np.generic]"


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Row groups of files that share one schema, with the bounds from each file's footer.

    `starts` is the number of a row group's first row in its file. `added` are columns that the files do not have.
    """

    filesystem: "FileSystem | StoredFiles | None"
    urls: Sequence[str]
    types: "Mapping[str, pa.DataType]"
    bounds: Mapping[Place, Bounds]
    rows: int
    starts: Mapping[Place, int] = field(default_factory=dict)
    added: "Mapping[str, Added]" = field(default_factory=dict)

    @classmethod
    def of(
        cls, filesystem: "FileSystem | StoredFiles | None", urls: Sequence[str], columns: Sequence[str]
    ) -> "RowGroups | None":
        """Inspect the files; return None where they differ in a column, lack one, or nest one."""
        import pyarrow as pa

        bounds: dict[Place, Bounds] = {}
        starts: dict[Place, int] = {}
        schema, rows = None, 0
        for at, url in enumerate(urls):
            with _opened(filesystem, url) as file:
                file_schema = file.schema_arrow
                if any(file_schema.get_field_index(column) < 0 for column in columns):
                    return None
                types = {name: file_schema.field(name).type for name in columns}
                if schema is not None and types != schema:
                    return None
                schema = types
                bounds |= {(at, n): {} for n in range(file.metadata.num_row_groups)}
                starts |= _starts(at, file.metadata)
                rows += file.metadata.num_rows
        types = schema or {}
        if any(pa.types.is_nested(kind) for kind in types.values()):
            return None
        return cls(filesystem, urls, types, bounds, rows, starts)

    @staticmethod
    def names(filesystem: "FileSystem | StoredFiles | None", url: str) -> Sequence[str]:
        """Return the names of a file's columns, as they are written there."""
        with _opened(filesystem, url) as file:
            names: list[str] = file.schema_arrow.names
        return names

    @staticmethod
    def types_of(filesystem: "FileSystem | StoredFiles | None", url: str) -> Mapping[str, str]:
        """Return the types of a file's columns by name; of records and lists, that they are such."""
        with _opened(filesystem, url) as file:
            schema = file.schema_arrow
        return {field.name: str(field.type).partition("<")[0] for field in schema}

    @staticmethod
    def field_ids(filesystem: "FileSystem | StoredFiles | None", url: str) -> Mapping[int, str]:
        """Return the names of a file's columns by their field ids; columns without one are left out."""
        with _opened(filesystem, url) as file:
            schema = file.schema_arrow
        numbers = {field.name: (field.metadata or {}).get(_FIELD_ID) for field in schema}
        return {int(number): name for name, number in numbers.items() if number is not None}

    @staticmethod
    def nanosecond_times(filesystem: "FileSystem | StoredFiles | None", url: str) -> Mapping[str, bool]:
        """Return the times of a file that are stored in nanoseconds, by path, and whether they are zoned."""
        with _opened(filesystem, url) as file:
            columns = [file.schema.column(n) for n in range(len(file.schema))]
        described = {column.path: json.loads(column.logical_type.to_json()) for column in columns}
        return {
            path: bool(kind["isAdjustedToUTC"])
            for path, kind in described.items()
            if kind["Type"] == "Timestamp" and kind["timeUnit"] == "nanoseconds"
        }

    @staticmethod
    def leaves(filesystem: "FileSystem | None", url: str) -> Sequence[str]:
        """Return the paths of plain values in a file's records and lists, as `imp.0.banner.w`."""
        with _opened(filesystem, url) as file:
            schema = file.schema_arrow
        return [".".join(path) for field in schema for path in _leaves(field.type, (field.name,)) if len(path) > 1]

    def with_bounds(self, rows: Iterable[tuple[Place, str, int, int]]) -> "RowGroups":
        """Return the row groups with the lowest and the highest of columns, by place and name."""
        bounds = {place: dict(known) for place, known in self.bounds.items()}
        for place, name, lowest, highest in rows:
            bounds[place][name] = lowest, highest
        return replace(self, bounds=bounds)

    def with_places(self, places: "pa.Table", columns: Mapping[str, str]) -> "RowGroups":
        """Return the row groups with further columns.

        Args:
            places: Files, row numbers (both in order) and values.
            columns: The columns of `places` with the values, by the names that they get.
        """
        import numpy as np

        at = {url: n for n, url in enumerate(self.urls)}
        named = places[SOURCE_FILE].dictionary_encode().unify_dictionaries().chunks
        number = np.array([at[url] for url in named[0].dictionary.to_pylist()] if named else [], dtype=np.int64)
        files = np.concatenate([number[:0], *(number[chunk.indices.to_numpy()] for chunk in named)])
        rows = places[SOURCE_ROW].to_numpy()
        values = {name: places[column].to_numpy() for name, column in columns.items()}
        added = {
            name: Added({int(n): (rows[files == n], of[files == n]) for n in np.unique(files)}, of.dtype)
            for name, of in values.items()
        }
        return replace(self, added=added)

    def read(self, place: Place, without: Collection[str] = ()) -> Iterator["pa.RecordBatch"]:
        """Yield a row group in pieces of bounded size, texts dictionary-encoded, all columns but those `without`.

        Raises:
            LogsInvalid: naming the file, when it cannot be read.
        """
        import pyarrow as pa

        (at, group), columns = place, [name for name in self.types if name not in without]
        texts = [
            name for name in columns if pa.types.is_string(self.types[name]) or pa.types.is_binary(self.types[name])
        ]
        with _opened(self.filesystem, self.urls[at], texts, (group, columns)) as file:
            first = self.starts[place] if self.added else 0
            for batch in file.iter_batches(BATCH_ROWS, [group], columns, use_threads=False):
                yield self._with_added(batch, at, first) if self.added else batch
                first += batch.num_rows

    def _with_added(self, batch: "pa.RecordBatch", at: int, first: int) -> "pa.RecordBatch":
        import numpy as np
        import pyarrow as pa

        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, column in self.added.items():
            whole = np.zeros(batch.num_rows, column.dtype)
            if at in column.by_file:
                rows, values = column.by_file[at]
                low, high = np.searchsorted(rows, (first, first + batch.num_rows))
                whole[rows[low:high] - first] = values[low:high]
            columns[name] = pa.array(whole)
        return pa.RecordBatch.from_pydict(columns)


def _leaves(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(field.type, (*path, field.name))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(kind.value_type, (*path, "0"))
    elif not pa.types.is_map(kind):
        yield path


def _starts(at: int, metadata: Any) -> dict[Place, int]:  # noqa: ANN401 - pyarrow has no types
    """Return the number of the first row of each row group of a file."""
    rows = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    return {(at, n): sum(rows[:n]) for n in range(len(rows))}


@contextmanager
def _opened(
    filesystem: "FileSystem | StoredFiles | None",
    url: str,
    texts: Sequence[str] = (),
    part: tuple[int | None, Sequence[str]] = (None, ()),
) -> Iterator[Any]:
    """Open a file for as long as it is read, at least its footer and a `part`: a row group and columns of it.

    Raises:
        StoreFailed: naming the file, when the store does not deliver it, which may be transient.
        LogsInvalid: naming the file, when it is no Parquet, or has changed since it was sampled.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = _source(filesystem, url, part)
        ahead = not isinstance(filesystem, StoredFiles)  # of these the part is in memory: nothing is to be fetched
        with pq.ParquetFile(
            source, read_dictionary=list(texts), pre_buffer=ahead, page_checksum_verification=True
        ) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, KeyError) as problem:
        message = (str(problem).splitlines() or [type(problem).__name__])[0]
        if "AWS Error" in message:  # pyarrow has no class for it
            raise StoreFailed(f"{url} cannot be read: {message}") from problem
        raise LogsInvalid(
            f"{url} cannot be read: {message}; was it replaced while the run was reading it?"
        ) from problem


def _source(filesystem: "FileSystem | StoredFiles | None", url: str, part: tuple[int | None, Sequence[str]]) -> Any:  # noqa: ANN401 - pyarrow has no types
    path = url.partition("://")[2]
    if isinstance(filesystem, StoredFiles):
        return filesystem.open_row_group(path, *part)
    return url if filesystem is None else filesystem.open_input_file(path)


def bounded_columns(types: "Mapping[str, pa.DataType]") -> list[str]:
    """Return the columns that can have bounds."""
    import pyarrow as pa

    return [name for name, kind in types.items() if pa.types.is_signed_integer(kind) or pa.types.is_timestamp(kind)]


def bounds_statement(files: str, columns: Collection[str]) -> str:
    """Return DuckDB's statement for the bounds of these columns in each row group of `files`, a list of literals.

    pyarrow would crash the process on a footer with damaged statistics.
    """
    lowest, highest = (
        f"COALESCE(TRY_CAST({column} AS BIGINT), epoch_us(TRY_CAST({column} AS TIMESTAMP)))"
        for column in ("stats_min_value", "stats_max_value")
    )
    return (
        f"SELECT file_name, row_group_id, path_in_schema, {lowest} AS lowest, {highest} AS highest "
        f"FROM parquet_metadata([{files}]) WHERE stats_null_count = 0 AND lowest <= highest "
        f"AND path_in_schema IN ({', '.join(map(literal, columns))})"
    )


def within(bounds: tuple[int, int], kind: "pa.DataType", start: datetime, end: datetime) -> bool:
    """Return whether times of that type and bounds are certainly all in [start, end), which are in whole seconds."""
    import pyarrow as pa

    lowest, highest = bounds
    known = pa.types.is_timestamp(kind) and kind.unit in UNITS
    return known and lowest >= int(start.timestamp()) * 1_000_000 and highest < int(end.timestamp()) * 1_000_000
