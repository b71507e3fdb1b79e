"""Where the row groups and columns of a Parquet file are, and which ranges to read for some columns of one.

A request costs a store about as long as 1 MB of its answer, so ranges that lie close together are read as one.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

MAGIC = b"PAR1"
END_BYTES = 8
"""A Parquet file ends with the length of its footer, in four bytes, and the magic."""
GAP = 1 << 20
"""Bytes between two ranges that are read rather than left out by a second request."""
LARGEST = 16 << 20
"""Bytes of the longest range that is read at once; longer ones are read in several."""


Range = tuple[int, int]
"""The bytes [start, stop) of a file."""


class Chunk(NamedTuple):
    """Where a column of a row group is; `column` is the outermost name of a nested one, in lower case."""

    column: str
    start: int
    stop: int


class RowGroupPlace(NamedTuple):
    """Where a row group is, and its columns in the order of their bytes."""

    start: int
    stop: int
    chunks: Sequence[Chunk]


class Layout:
    """The row groups of a file, in the order of its footer."""

    def __init__(self, row_groups: Sequence[RowGroupPlace]) -> None:
        self.row_groups = row_groups
        self._sorted = sorted((group.start, group.stop, n) for n, group in enumerate(row_groups))

    @classmethod
    def of(cls, end: bytes) -> "Layout | None":
        """Read the layout from a file's last bytes, which hold the whole footer; None where they are no footer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            footer = pq.read_metadata(pa.BufferReader(end))
            groups = [_row_group(footer.row_group(n)) for n in range(footer.num_row_groups)]
        except (pa.ArrowException, OSError, ValueError):
            return None  # whoever reads the file says what is wrong with it
        return cls(groups)

    def at(self, start: int, stop: int) -> int | None:
        """Return which row group holds [start, stop), or None where none does alone."""
        place = bisect_right(self._sorted, start, key=itemgetter(0)) - 1
        _, end, number = self._sorted[place] if place >= 0 else (0, 0, 0)
        return number if stop <= end else None


def footer_bytes(end: bytes) -> int | None:
    """Return the size of a footer with what follows it, by a file's last bytes; None where it is no Parquet file."""
    if len(end) < END_BYTES or end[-len(MAGIC) :] != MAGIC:
        return None
    return int.from_bytes(end[-END_BYTES : -len(MAGIC)], "little") + END_BYTES


def ranges(group: RowGroupPlace, columns: Collection[str], needed: Range | None = None) -> list[Range]:
    """Return what to read of a row group for some columns and the `needed` bytes, which are within one of the ranges.

    One range, unless more than half of it would be read for nothing: then gaps of more than GAP are left out. A range
    is at most LARGEST bytes, or the needed ones alone where they are more.
    """
    wanted = sorted({(c.start, c.stop) for c in group.chunks if c.column in columns} | ({needed} if needed else set()))
    if not wanted:
        return []
    span = max(end for _, end in wanted) - wanted[0][0]
    dense = 2 * sum(end - begin for begin, end in wanted) >= span
    merged = _merged(wanted, span if dense else GAP)
    return [part for begin, end in merged for part in _parts(begin, end, needed or (end, end))]


def _merged(wanted: Sequence[Range], gap: int) -> Iterator[Range]:
    begin, end = wanted[0]
    for next_begin, next_end in wanted[1:]:
        if next_begin - end > gap:
            yield begin, end
            begin, end = next_begin, next_end
        else:
            end = max(end, next_end)
    yield begin, end


def _parts(begin: int, end: int, needed: Range) -> Iterator[Range]:
    """Cut a range into parts of at most LARGEST bytes, none of them through the needed bytes."""
    start, stop = needed
    while end - begin > LARGEST:
        cut = begin + LARGEST
        if start < cut < stop:
            cut = start if start > begin else stop
        yield begin, cut
        begin = cut
    if end > begin:
        yield begin, end


def _row_group(group: object) -> RowGroupPlace:
    """Return where a row group of pyarrow's metadata is; its statistics are not touched, which may be damaged."""
    chunks = []
    for n in range(group.num_columns):  # type: ignore[attr-defined]  # pyarrow has no types
        column = group.column(n)  # type: ignore[attr-defined]
        start = column.data_page_offset
        if column.dictionary_page_offset:
            start = min(start, column.dictionary_page_offset)
        name = column.path_in_schema.partition(".")[0].lower()
        chunks.append(Chunk(name, start, start + column.total_compressed_size))
    chunks.sort(key=lambda chunk: chunk.start)
    return RowGroupPlace(min((c.start for c in chunks), default=0), max((c.stop for c in chunks), default=0), chunks)
