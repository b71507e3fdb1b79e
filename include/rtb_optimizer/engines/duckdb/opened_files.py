"""Hands files to DuckDB with one request to the store for each opening.

DuckDB asks whether a file exists before it opens it, and then for its size and the time of its last change. Each would
be a request of its own, several times for each file and statement; the opening has had all of them answered.
"""

from datetime import datetime
from typing import Any

from fsspec.core import has_magic
from fsspec.implementations.arrow import ArrowFile, ArrowFSWrapper

from rtb_optimizer.engines.duckdb.shared_files import SharedFile, SharedFiles


class OpenedFiles(ArrowFSWrapper):  # type: ignore[misc]  # fsspec has no types
    """The files of one engine; size and time of a file are those of its last opening."""

    cachable = False

    def __init__(self, files: SharedFiles) -> None:
        super().__init__(files)
        self._opened: dict[str, SharedFile] = {}

    def glob(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - as the method that it overrides
        """Return the files that match; a path without wildcards is taken to exist, which its opening checks."""
        return super().glob(path, **options) if has_magic(path) else [self._strip_protocol(path)]

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
