"""The log files of a store as DuckDB and pyarrow read them: sizes from the listing, each footer read once.

Small files that fit into the memory are read whole by one request, and stay. Of the others the footer
stays, and what is read of a row group is read at once, for the columns that the statement names. A file that is no
Parquet is read in blocks.
"""

import io
from collections.abc import Collection, Iterator
from mmap import mmap
from typing import TYPE_CHECKING, Any, Self

from rtb_optimizer.engines.files.fetches import Extent, Fetches
from rtb_optimizer.engines.files.layout import Layout, footer_bytes, ranges
from rtb_optimizer.engines.files.read_order import ReadOrder
from rtb_optimizer.engines.files.source import FileSource

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo

SHARE = 4
"""Of the engine's memory, one part in so many holds a store's files at most, and no more than they have."""
LARGEST_KEPT = 8 << 20
"""Bytes of the largest file that is read whole."""
END = 64 << 10
"""Bytes of a file's end that are read at once: nearly every footer is shorter."""
FIRST = 16 << 10
"""Bytes of a file's end that DuckDB reads first; they stay, and what the footer has beyond them."""
SMALL = 1 << 20
"""Bytes of the largest file of which more than the end is read at once: it costs no more than a second request."""
BLOCK = 8 << 20
"""Bytes that are read at once of a file that is no Parquet."""
THREADS = 16
"""Requests that are on their way at once beside those that are waited for: latency is their cost, not the processor."""


class StoredFiles:
    """The part of pyarrow's file systems that the engine uses, over a store's files.

    Args:
        source: The store.
        memory: Bytes that may be held beside the footers.
    """

    def __init__(self, source: FileSource, memory: int) -> None:
        self.type_name, self._source = source.scheme, source
        self._kept = _kept(source, memory)
        passing = memory - sum(self._kept.values())
        self._fetches = Fetches(lambda extent: source.read(*extent), passing, THREADS)
        self._order = ReadOrder(source.paths, self._fetches, 2 * THREADS, passing // 2)
        self._ends: dict[str, bytes] = {}
        self._layouts: dict[str, Layout | None] = {}

    @classmethod
    def of(cls, files: object, memory_mb: int) -> tuple[Self | None, int]:
        """Return the files of a store and what they leave of the memory, in MB; None for another file system."""
        if not isinstance(files, FileSource):
            return None, memory_mb
        listed = sum(files.facts(path).byte_size for path in files.paths)
        memory = min((memory_mb << 20) // SHARE, listed)
        return cls(files, memory), memory_mb - (memory >> 20)

    def close(self) -> None:
        """Read nothing more ahead."""
        self._fetches.close()

    def expect(self, columns: Collection[str]) -> None:
        """Expect that these columns are read of all files, from the first on; nested ones by their outermost name."""
        names = {column.lower() for column in columns}
        self._order.begin(frozenset(names | {name.partition(".")[0] for name in names}))

    def open_input_file(self, path: str) -> "StoredFile":
        """Open a file for reading, without a request."""
        return StoredFile(self, path, self._source.facts(path).byte_size)

    def open_row_group(self, path: str, group: int | None = None, columns: Collection[str] = ()) -> Any:  # noqa: ANN401
        """Open a Parquet file for pyarrow to read the footer, and these columns of a row group, all that is there.

        Their bytes are in memory when it is opened, so that pyarrow reads them without Python; what is read of the
        rest are zeros, for which no memory is taken.
        """
        import pyarrow as pa

        size = self._source.facts(path).byte_size
        self.read(path, max(size - 1, 0), size, size)
        if path in self._kept:
            return pa.BufferReader(self._fetches.get(Extent(path, 0, size), keep=True))
        if (layout := self._layouts.get(path)) is None:
            return self.open_input_file(path)
        sparse, end = mmap(-1, size), self._ends[path]
        sparse[size - len(end) :] = end
        if group is not None:
            names = {column.partition(".")[0].lower() for column in columns}
            extents = [Extent(path, *part) for part in ranges(layout.row_groups[group], names)]
            self._order.read(path, group, self._layouts.get)
            for extent in extents[1:]:
                self._fetches.ahead(extent)
            for extent in extents:
                sparse[extent.start : extent.stop] = self._bytes(extent)
        return pa.BufferReader(pa.py_buffer(sparse))

    def get_file_info(self, paths: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the file info of a path, of a list of them, or of the listed files below a FileSelector's folder."""
        if isinstance(paths, str):
            return self._info(paths)
        if not isinstance(paths, list):
            paths = [path for path in self._source.paths if path.startswith(paths.base_dir.rstrip("/") + "/")]
        return [self._info(path) for path in paths]

    def _info(self, path: str) -> "FileInfo":
        from pyarrow.fs import FileInfo, FileType

        facts = self._source.facts(path)
        return FileInfo(path, type=FileType.File, size=facts.byte_size, mtime=facts.modified)

    def modified(self, path: str) -> bytes:
        """Return when a file was last changed, in ISO 8601."""
        return self._source.facts(path).modified.isoformat().encode()

    def read(self, path: str, start: int, stop: int, size: int) -> bytes:
        """Return the bytes [start, stop) of a file of `size` bytes."""
        self._order.opened(path, self._open_ahead)
        if path in self._kept:
            return self._fetches.get(Extent(path, 0, size), keep=True)[start:stop]
        if stop == size or start >= size - END:
            end = self._end(path, start, size)
            if start >= size - len(end):
                return end[len(end) - size + start : len(end) - size + stop]
        layout = self._layouts.get(path)
        if layout is None:
            return b"".join(self._blocks(path, start, stop, size))
        return self._of_row_group(path, layout, start, stop)

    def _bytes(self, extent: Extent) -> bytes:
        """Return the bytes of an extent, or of a longer one that is there."""
        longer = self._fetches.containing(*extent) or extent
        return self._fetches.get(longer)[extent.start - longer.start : extent.stop - longer.start]

    def _of_row_group(self, path: str, layout: Layout, start: int, stop: int) -> bytes:
        group = layout.at(start, stop)
        if group is not None:
            if self._fetches.containing(path, start, stop) is None:
                for part in ranges(layout.row_groups[group], self._order.columns, (start, stop)):
                    self._fetches.ahead(Extent(path, *part))
            self._order.read(path, group, self._layouts.get)
        return self._bytes(Extent(path, start, stop))  # alone beside the row groups, as an index of pages

    def _blocks(self, path: str, start: int, stop: int, size: int) -> Iterator[bytes]:
        for begin in range(start - start % BLOCK, stop, BLOCK):
            extent = Extent(path, begin, min(begin + BLOCK, size))
            if extent.stop < size:
                self._fetches.ahead(Extent(path, extent.stop, min(extent.stop + BLOCK, size)))
            yield self._fetches.get(extent)[max(start - begin, 0) : stop - begin]

    def _end(self, path: str, start: int, size: int) -> bytes:
        """Return a file's last bytes from `start` on, and its footer; for this one request, two for a long footer."""
        known = self._ends.get(path)
        if known is not None and start >= size - len(known):
            return known
        at_once = _end_of(path, size)
        end = self._fetches.get(at_once if start >= at_once.start else Extent(path, start, size))
        if known is None:
            footer = footer_bytes(end) or 0
            if len(end) < footer <= size:
                end = self._fetches.get(Extent(path, size - footer, size))
            self._layouts[path] = Layout.of(end) if footer else None
            self._ends[path] = end[-max(footer, FIRST) :]
        return end

    def _open_ahead(self, path: str) -> None:
        size = self._source.facts(path).byte_size
        if path in self._kept:
            self._fetches.ahead(Extent(path, 0, size), keep=True)
        elif size:
            self._fetches.ahead(_end_of(path, size))


class StoredFile(io.RawIOBase):
    """A file that is read at offsets, or at a position of its own as Python's files are."""

    mode = "rb"

    def __init__(self, files: StoredFiles, path: str, size: int) -> None:
        super().__init__()
        self._files, self._path, self._size, self._position = files, path, size, 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether its position can be set."""
        return True

    def size(self) -> int:
        """Return the number of bytes."""
        return self._size

    def metadata(self) -> dict[str, bytes]:
        """Return the metadata of pyarrow's S3 files that is used: `Last-Modified` in ISO 8601."""
        return {"Last-Modified": self._files.modified(self._path)}

    def read_at(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from an offset on."""
        stop = min(offset + count, self._size)
        return self._files.read(self._path, offset, stop, self._size) if offset < stop else b""

    def read(self, count: int | None = -1) -> bytes:
        """Return the next bytes, all by default, and go past them."""
        read = self.read_at(self._size if count is None or count < 0 else count, self._position)
        self._position += len(read)
        return read

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position counted from the start (0), from here (1) or from the end (2)."""
        self._position = position + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


def _kept(source: FileSource, memory: int) -> dict[str, int]:
    """Return the files that are held whole, the first ones that fit, with their bytes.

    Every statement reads all files in order: of files that do not fit, those that were read last are of no use to it.
    """
    sizes = {path: source.facts(path).byte_size for path in source.paths}
    left = memory if sum(sizes.values()) <= memory else memory * 3 // 4  # else there is something to be read ahead
    kept = {}
    for path, size in sizes.items():
        if size <= min(LARGEST_KEPT, left):
            kept[path] = size
            left -= size
    return kept


def _end_of(path: str, size: int) -> Extent:
    return Extent(path, 0 if size <= SMALL else max(size - END, 0), size)
