"""What do the log files hold, piece by piece? Their row groups, texts still as dictionary and codes.

Parquet stores a text column as a dictionary and codes. SQL engines group by the text; counting codes with arrays is
several times cheaper, and the dictionaries are small.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtb_optimizer.errors import LogsInvalid, StoreFailed

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem


BATCH_ROWS = 1 << 16
"""As many as stay in a core's cache with their codes; larger arrays also go back to the system, and cost pages anew."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Row groups of files that share one schema; `open_file` opens a URL."""

    filesystem: "FileSystem | None"
    urls: Sequence[str]
    columns: Sequence[str]
    texts: Sequence[str]
    places: Sequence[tuple[int, int]]
    rows: int

    @classmethod
    def of(cls, filesystem: "FileSystem | None", urls: Sequence[str], columns: Sequence[str]) -> "RowGroups | None":
        """Look at the files; return None where they differ in a column, lack one, or nest one."""
        import pyarrow as pa

        places: list[tuple[int, int]] = []
        schema, rows = None, 0
        for at, url in enumerate(urls):
            with _opened(filesystem, url) as file:
                mine = file.schema_arrow
                if any(mine.get_field_index(column) < 0 for column in columns):
                    return None
                fields = [(name, mine.field(name).type) for name in columns]
                if schema is not None and fields != schema:
                    return None
                schema = fields
                places += [(at, group) for group in range(file.metadata.num_row_groups)]
                rows += file.metadata.num_rows
        fields = schema or []
        if any(pa.types.is_nested(kind) for _, kind in fields):
            return None
        texts = [name for name, kind in fields if pa.types.is_string(kind) or pa.types.is_binary(kind)]
        return cls(filesystem, urls, columns, texts, places, rows)

    def read(self, place: tuple[int, int]) -> Iterator["pa.RecordBatch"]:
        """Yield the columns of a row group in pieces of bounded size, texts dictionary-encoded.

        Raises:
            LogsInvalid: naming the file, when it cannot be read.
        """
        at, group = place
        with _opened(self.filesystem, self.urls[at], self.texts) as file:
            yield from file.iter_batches(BATCH_ROWS, [group], list(self.columns), use_threads=False)


@contextmanager
def _opened(filesystem: "FileSystem | None", url: str, texts: Sequence[str] = ()) -> Iterator[Any]:
    """Open a file for as long as it is read.

    Raises:
        StoreFailed: naming the file, when the store does not give it, which may pass.
        LogsInvalid: naming the file, when it is no Parquet, or is not what it was when it was sampled.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = url if filesystem is None else filesystem.open_input_file(_path(url))
        with pq.ParquetFile(source, read_dictionary=list(texts)) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, KeyError) as problem:
        said = (str(problem).splitlines() or [type(problem).__name__])[0]
        if "AWS Error" in said:  # pyarrow has no class for it
            raise StoreFailed(f"{url} cannot be read: {said}") from problem
        raise LogsInvalid(f"{url} cannot be read: {said}; was it replaced while the run was reading it?") from problem


def _path(url: str) -> str:
    return url.partition("://")[2]
