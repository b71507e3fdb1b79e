"""An LRU cache of contents in memory, bounded in bytes.

Outputs never change, so a value cached by an output's sha256 is never stale. Each api-server process has its own.
"""

from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

import cachetools

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """The most recently used values by key, at most `max_bytes` of them; safe to use from several threads."""

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._values: cachetools.LRUCache[Hashable, Value] = cachetools.LRUCache(max_bytes, size)
        self._lock = Lock()

    @property
    def byte_size(self) -> int:
        """The size of all cached values."""
        return int(self._values.currsize)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the cached value of a key, or make and cache it; two threads may make the same value at once."""
        with self._lock, suppress(KeyError):
            return self._values[key]
        value = make()
        with self._lock, suppress(ValueError):  # a value larger than the cache is not cached
            self._values[key] = value
        return value
