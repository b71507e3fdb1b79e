"""Turns signals that end the process into an exception: a run records the reason on its way out."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}


class Ended(BaseException):
    """The process was told to end: raised where it is. No Exception, so that nothing recovers from it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"{number.name} was received: the process was told to end")
        self.exit_code = EXIT_CODES[number]


@contextmanager
def raising() -> Iterator[None]:
    """Raise Ended for the signals of EXIT_CODES, for the length of a `with` block; only the first one counts."""
    before = {number: signal.signal(number, _raise) for number in EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: object) -> None:
    for each in EXIT_CODES:
        signal.signal(each, signal.SIG_IGN)  # what is recorded on the way out is not cut off
    raise Ended(signal.Signals(number))
