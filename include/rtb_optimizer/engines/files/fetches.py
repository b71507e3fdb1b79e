"""Ranges of files that are in memory or on their way: each is requested once as long as there is memory for it.

Two threads that need one range wait for the same request. The ranges read last are kept, those read longest ago are
dropped. What is fetched ahead runs in threads of its own; a thread that needs such a range before its turn fetches it
itself, so that nobody waits behind ranges that nobody needs yet.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple


class Extent(NamedTuple):
    """The bytes [start, stop) of a file."""

    path: str
    start: int
    stop: int

    @property
    def byte_size(self) -> int:
        """The number of bytes."""
        return self.stop - self.start

    def holds(self, start: int, stop: int) -> bool:
        """Whether [start, stop) is within the extent."""
        return self.start <= start and stop <= self.stop


class Fetches:
    """Extents by request, at most `memory` bytes of them beside those that are kept for good.

    Args:
        read: Fetches an extent, by one request.
        memory: Bytes; an extent that someone waits for is never dropped for want of it.
        threads: How many extents are fetched ahead at once.
    """

    def __init__(self, read: Callable[[Extent], bytes], memory: int, threads: int) -> None:
        self._read, self._memory = read, memory
        self._lock = threading.Lock()
        self._kept: dict[Extent, Future[bytes]] = {}
        self._passing: OrderedDict[Extent, Future[bytes]] = OrderedDict()
        self._of_path: dict[str, list[Extent]] = {}
        self._held = 0
        self._pool = ThreadPoolExecutor(threads, "rtb_read_ahead")
        self._ahead: dict[Extent, Future[None]] = {}

    def close(self) -> None:
        """Fetch nothing more ahead; what is on its way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def get(self, extent: Extent, *, keep: bool = False) -> bytes:
        """Return an extent's bytes; with `keep` they stay in memory for good."""
        fetched, ours = self._of(extent, keep=keep)
        if ours or self._taken_over(extent):
            self._fetch(extent, fetched)
        return fetched.result()

    def ahead(self, extent: Extent, *, keep: bool = False) -> None:
        """Fetch an extent in a thread of its own, if it is not there; a failure is left to who needs it."""
        fetched, ours = self._of(extent, keep=keep)
        if ours:
            with self._lock:
                self._ahead[extent] = self._pool.submit(self._fetch_ahead, extent, fetched)

    def containing(self, path: str, start: int, stop: int) -> Extent | None:
        """Return an extent that is there, or on its way, and holds [start, stop) of a file."""
        with self._lock:
            return next((each for each in self._of_path.get(path, ()) if each.holds(start, stop)), None)

    def _of(self, extent: Extent, *, keep: bool) -> tuple[Future[bytes], bool]:
        """Return the extent's bytes to come, and whether they are still to be requested, which the caller does."""
        with self._lock:
            if (fetched := self._kept.get(extent)) is not None:
                return fetched, False
            if (fetched := self._passing.get(extent)) is not None:
                self._passing.move_to_end(extent)
                return fetched, False
            fetched = Future()
            self._of_path.setdefault(extent.path, []).append(extent)
            if keep:
                self._kept[extent] = fetched
            else:
                self._passing[extent] = fetched
                self._held += extent.byte_size
                self._drop_oldest()
            return fetched, True

    def _drop_oldest(self) -> None:
        for extent in list(self._passing)[:-1]:
            if self._held <= self._memory:
                return
            if self._passing[extent].done():
                self._drop(extent)

    def _drop(self, extent: Extent) -> None:
        if self._passing.pop(extent, None) is not None:
            self._held -= extent.byte_size
        self._kept.pop(extent, None)
        if extent in (of_path := self._of_path[extent.path]):
            of_path.remove(extent)

    def _taken_over(self, extent: Extent) -> bool:
        """Whether the extent was to be fetched ahead and waited for its turn, which it does no more."""
        with self._lock:
            waiting = self._ahead.get(extent)
            return waiting is not None and waiting.cancel() and self._ahead.pop(extent, None) is not None

    def _fetch_ahead(self, extent: Extent, fetched: Future[bytes]) -> None:
        self._fetch(extent, fetched)
        with self._lock:
            self._ahead.pop(extent, None)

    def _fetch(self, extent: Extent, fetched: Future[bytes]) -> None:
        try:
            fetched.set_result(self._read(extent))
        except BaseException as problem:  # noqa: BLE001 - whoever waits for the bytes raises it
            with self._lock:  # the next who needs it requests it again
                self._drop(extent)
            fetched.set_exception(problem)
