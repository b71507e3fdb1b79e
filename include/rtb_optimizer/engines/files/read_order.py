"""Reads files before they are requested, in the order of their listing: many small requests wait for each other else.

What is read ahead is bounded: whole files and footers by their number, row groups by their bytes.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from rtb_optimizer.engines.files.fetches import Extent, Fetches
from rtb_optimizer.engines.files.layout import Layout, ranges

Turn = tuple[int, int]
"""Which of the files, and which row group of it."""


class ReadOrder:
    """What comes after a file or a row group, and how much of it is on its way.

    Args:
        paths: The files, in the order in which they are read.
        fetches: Where they are fetched.
        files: How many files are opened ahead.
        window: How many bytes of row groups are read ahead.
    """

    def __init__(self, paths: Sequence[str], fetches: Fetches, files: int, window: int) -> None:
        self._paths, self._fetches, self._files, self._window = paths, fetches, files, window
        self._place = {path: n for n, path in enumerate(paths)}
        self._lock = threading.Lock()
        self._opened = 0
        self._columns: frozenset[str] = frozenset()
        self._seen: set[Turn] = set()
        self._next: Turn = (0, 0)
        self._ahead: deque[tuple[Turn, int]] = deque()

    @property
    def columns(self) -> frozenset[str]:
        """The columns that are about to be read, in lower case; none where they are not known."""
        return self._columns

    def begin(self, columns: frozenset[str]) -> None:
        """Begin to read these columns of all files."""
        with self._lock:
            self._columns, self._seen = columns, set()
            self._next = (0, 0)
            self._ahead.clear()

    def opened(self, path: str, open_ahead: Callable[[str], None]) -> None:
        """Open the files after this one, each once."""
        if (place := self._place.get(path)) is None:
            return
        with self._lock:
            first, self._opened = max(self._opened, place + 1), max(self._opened, place + 1 + self._files)
            after = self._paths[first : self._opened]
        for each in after:
            open_ahead(each)

    def read(self, path: str, group: int, layout_of: Callable[[str], Layout | None]) -> None:
        """Read ahead after a row group is read for the first time, where the one before it was read as well."""
        if not self._columns or path not in self._place:
            return
        turn = self._place[path], group
        with self._lock:
            if turn in self._seen:
                return
            self._seen.add(turn)
            if group and (turn[0], group - 1) not in self._seen:
                return
            extents = self._after(turn, layout_of)
        for extent in extents:
            self._fetches.ahead(extent)

    def _after(self, turn: Turn, layout_of: Callable[[str], Layout | None]) -> list[Extent]:
        """Return what the next row groups need, as far as the window reaches and is not on its way."""
        while self._ahead and self._ahead[0][0] <= turn:
            self._ahead.popleft()
        left = self._window - sum(byte_size for _, byte_size in self._ahead)
        file, group = self._next = max(self._next, (turn[0], turn[1] + 1))
        extents: list[Extent] = []
        while left > 0 and file < len(self._paths):
            layout = layout_of(self._paths[file])  # None of a file in memory, and of one that nobody has opened
            if layout is None or group >= len(layout.row_groups):
                file, group = file + 1, 0
                continue
            needed = [Extent(self._paths[file], *part) for part in ranges(layout.row_groups[group], self._columns)]
            byte_size = sum(extent.byte_size for extent in needed)
            self._ahead.append(((file, group), byte_size))
            extents += needed
            left, group = left - byte_size, group + 1
        self._next = file, group
        return extents
