"""What is worth keeping in memory of what was read? What was asked for last, up to a bound of bytes.

Outputs never change, so what is kept under an output's sha256 is never stale. Each api-server process has its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, those that were asked for last, of at most so many bytes; safe to use from many threads."""

    def __init__(self, at_most: int, size: Callable[[Value], int]) -> None:
        self._at_most, self._size = at_most, size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()
        self.byte_size = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made now unless it is there; what two threads make at once is made twice."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            self._keep(key, made)
        return made

    def _keep(self, key: Hashable, value: Value) -> None:
        if key not in self._values:
            self.byte_size += self._size(value)
        self._values[key] = value
        while self.byte_size > self._at_most:
            self.byte_size -= self._size(self._values.popitem(last=False)[1])
