"""How do an engine's threads read one file at once? Each with a position of its own.

DuckDB seeks and reads in two calls, and its threads share one Python file: between the two another thread may seek,
and the bytes come from the wrong place. Here a thread's position is its own, and every read says where it starts.
"""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem


class SharedFiles:
    """A pyarrow file system whose files may be read by several threads; all else is the file system's own."""

    def __init__(self, filesystem: "FileSystem") -> None:
        self._filesystem = filesystem

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the file system has
        return getattr(self._filesystem, name)

    def open_input_file(self, path: str) -> "SharedFile":
        """Open a file for reading."""
        return SharedFile(self._filesystem.open_input_file(path))


class SharedFile:
    """A file with a position per thread; all else is the file's own."""

    def __init__(self, file: "NativeFile") -> None:
        self._file = file
        self._mine = threading.local()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the file has
        return getattr(self._file, name)

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position counted from the start (0), from here (1) or from the end (2)."""
        self._mine.position = position + (0, self.tell(), self._file.size())[whence]
        return self.tell()

    def tell(self) -> int:
        """Return this thread's position."""
        return getattr(self._mine, "position", 0)

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, all by default, and go past them."""
        start = self.tell()
        read: bytes = self._file.read_at(self._file.size() - start if count < 0 else count, start)
        self._mine.position = start + len(read)
        return read
