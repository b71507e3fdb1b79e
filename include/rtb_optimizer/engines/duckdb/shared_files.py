"""Lets an engine's threads read one file at once, each with a position of its own.

DuckDB seeks and reads in two calls, and its threads share one Python file: between the two another thread may seek,
and the bytes come from the wrong place. Here each thread has its own position, and every read states its offset.

A failure of the file system is named and stored: DuckDB would report it as one of its own, like a broken file.

DuckDB asks whether a file exists before it opens it, and then for its size and the time of its last change. Each would
be a request to the store, several times for each file and statement; the opening has had all of them answered.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fsspec.core import has_magic
from fsspec.implementations.arrow import ArrowFile, ArrowFSWrapper

from rtb_optimizer.errors import LogsInvalid, StoreFailed

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem


ESCAPED = re.compile(r"\[([*?[])\]")
"""A character of a file's name that stands for itself in a pattern."""


class SharedFiles:
    """A pyarrow file system whose files may be read by several threads; all else is the file system's own.

    `failure` is the first that it had; an absent file is none, and is left to the caller.
    """

    def __init__(self, filesystem: "FileSystem") -> None:
        self._filesystem = filesystem
        self.failure: StoreFailed | LogsInvalid | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the file system has
        return getattr(self._filesystem, name)

    def open_input_file(self, path: str) -> "SharedFile":
        """Open a file for reading."""
        with self.reading(path):
            return SharedFile(self._filesystem.open_input_file(path), path, self)

    def get_file_info(self, paths: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the file info of a path, of a list of them, or of those that a FileSelector selects."""
        with self.reading(", ".join(paths) if isinstance(paths, list) else str(getattr(paths, "base_dir", paths))):
            return self._filesystem.get_file_info(paths)

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Store a failure of the file system.

        Raises:
            StoreFailed: naming the file and the cause.
            LogsInvalid: where the file has changed since it was listed.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except (StoreFailed, LogsInvalid) as problem:
            self.failure = self.failure or problem
            raise
        except OSError as problem:
            self.failure = self.failure or StoreFailed(f"{path} cannot be read: {problem}")
            raise self.failure from problem


class SharedFile:
    """A file with a position per thread; all else is the file's own."""

    def __init__(self, file: "NativeFile", path: str, owner: SharedFiles) -> None:
        self._file, self._path, self._owner = file, path, owner
        self._local = threading.local()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the file has
        return getattr(self._file, name)

    def size(self) -> int:
        """Return the number of bytes."""
        size: int = self._file.size()
        return size

    def modified(self) -> datetime | None:
        """Return when the file was last changed, as the opening was told; None where the file system told nothing."""
        changed = (self._file.metadata() or {}).get("Last-Modified")
        return datetime.fromisoformat(changed.decode()) if changed else None

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position counted from the start (0), from here (1) or from the end (2)."""
        self._local.position = position + (0, self.tell(), self._file.size())[whence]
        return self.tell()

    def tell(self) -> int:
        """Return this thread's position."""
        return getattr(self._local, "position", 0)

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, all by default, and go past them."""
        start = self.tell()
        with self._owner.reading(self._path):
            read: bytes = self._file.read_at(self._file.size() - start if count < 0 else count, start)
        self._local.position = start + len(read)
        return read


class OpenedFiles(ArrowFSWrapper):  # type: ignore[misc]  # fsspec has no types
    """The files of one engine; size and time of a file are those of its last opening."""

    cachable = False

    def __init__(self, files: SharedFiles) -> None:
        super().__init__(files)
        self._opened: dict[str, SharedFile] = {}

    def glob(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - as the method that it overrides
        """Return the files that match; a path without wildcards is taken to exist, which its opening checks."""
        one_file = ESCAPED.sub(r"\g<1>", path)
        wildcards = has_magic(ESCAPED.sub("", path))
        return super().glob(path, **options) if wildcards else [self._strip_protocol(one_file)]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        """Return a path as it stands: fsspec's own would end a key at a question mark."""
        scheme, separator, rest = path.partition("://")
        return rest if separator else scheme

    def size(self, path: str) -> int:
        """Return the size of an opened file."""
        return self._opened[self._strip_protocol(path)].size()

    def modified(self, path: str) -> datetime:
        """Return when an opened file was last changed."""
        changed: datetime = self._opened[self._strip_protocol(path)].modified() or super().modified(path)
        return changed

    def _open(self, path: str, *arguments: Any, **options: Any) -> ArrowFile:  # noqa: ANN401 - passed on
        opened = super()._open(path, *arguments, **options)
        self._opened[self._strip_protocol(path)] = opened.stream
        return opened
