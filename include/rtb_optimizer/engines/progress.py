"""Logs the progress of long statements: a line in the task log at intervals, with rows and rate."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


class Progress(AbstractContextManager["Progress"]):
    """Logs the share of `rows` that a piece of work has processed, while it runs and when it is done.

    `done` returns the share that is done, from 0 to 1; a number below 0 means unknown.
    """

    def __init__(self, what: str, rows: int, done: Callable[[], float], every: float = EVERY_SECONDS) -> None:
        self._what, self._rows, self._done, self._every = what, rows, done, every
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._report, daemon=True)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watch.join()
        if error is None:
            self._log(1.0)

    def _report(self) -> None:
        while not self._ended.wait(self._every):
            share = self._done()
            if share > 0:
                self._log(share)

    def _log(self, share: float) -> None:
        rows, seconds = share * self._rows, max(time.monotonic() - self._started, 1e-3)
        log.info(
            "%s: %.0f %% of %s rows, %s rows/s",
            *(self._what, 100 * share, f"{self._rows:,}", f"{rows / seconds:,.0f}"),
        )
