"""Declares the interface of a store of log files: what it lists, and ranges of bytes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable


class FileFacts(Protocol):
    """The facts of a file in a listing."""

    @property
    def byte_size(self) -> int:
        """The number of bytes."""

    @property
    def modified(self) -> datetime:
        """When it was last changed."""


@runtime_checkable
class FileSource(Protocol):
    """A store whose files do not change while they are read: one that did is refused.

    Paths are URLs without their scheme, as `bucket/key`. The methods are called by several threads at once.
    """

    @property
    def scheme(self) -> str:
        """The scheme of the URLs, as `s3`."""

    @property
    def paths(self) -> Sequence[str]:
        """The listed files, in the order in which they are read."""

    def facts(self, path: str) -> FileFacts:
        """Return the facts of a file in the listing; one that was not listed is looked up once.

        Raises:
            ObjectAbsent: when there is no such file.
        """

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) by one request.

        Raises:
            LogsInvalid: when the file is not the listed one any more.
            StoreFailed: when the store does not deliver it after a limited number of tries.
        """
