"""Finds last hours of a window whose outcomes are not all there yet: clicks and conversions that were joined too early.

A day that was closed at midnight lacks the outcomes that came after it, most of them of its evening. The hours before,
on the same day, say how good the day is; the same hours of the other days say how an evening is beside its day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import log, sqrt

from rtb_optimizer.core.decision.silent_hours import Hour

FEWEST_HOURS, MIN_DAYS = 3, 5
LATE, SURE, TIMES = 0.5, 5.0, 3.0
"""Outcomes are late where at most this part of those expected is there, so many standard errors below all of them, and,
in logarithms, so many times as far as the same hours of any other day are from what the rest says of them."""
MIN_EXPECTED = 50.0
"""Outcomes that a part of a day has to have, or be expected to have: fewer are not SURE unless most are gone."""


@dataclass(frozen=True, slots=True)
class Late:
    """The hours of a day from `first` on, the rows with an outcome that they have, and how many are expected."""

    day: date
    first: int
    found: int
    expected: float

    @property
    def short(self) -> float:
        """Return by how much they are short of what is expected, in logarithms."""
        return log(self.expected / max(self.found, 0.5))

    @property
    def sure(self) -> float:
        """How many standard errors of chance they are below what is expected."""
        return (self.expected - self.found) / sqrt(self.expected)


def late_outcomes(rows: Mapping[Hour, int], positives: Mapping[Hour, int]) -> Late | None:
    """Return the last hours of the last day, if they lack outcomes beside their day and the other days.

    Args:
        rows: The rows of each hour that has any, on the entity's clock.
        positives: Those with an outcome.
    """
    days = sorted({day for day, _ in rows})
    if len(days) < MIN_DAYS:
        return None
    found = []
    for first in range(1, 25 - FEWEST_HOURS):
        late = _of_span(days[-1], days[:-1], first, rows, positives)
        if late is None or late.found > LATE * late.expected or late.sure < SURE:
            continue
        others = [
            _of_span(day, [other for other in days[:-1] if other != day], first, rows, positives) for day in days[:-1]
        ]
        if all(each is None or TIMES * abs(each.short) <= late.short for each in others):
            found.append(late)
    return max(found, key=lambda each: each.sure, default=None)


def _of_span(
    day: date, others: Sequence[date], first: int, rows: Mapping[Hour, int], positives: Mapping[Hour, int]
) -> Late | None:
    """Return what the hours of a day from `first` on have, and what they would by its other hours and other days.

    None where too few outcomes are expected to tell, in either part of the day.
    """
    there, then = dict[int, int](), dict[int, int]()
    for (at, hour), count in rows.items():
        if at in others:
            there[hour] = there.get(hour, 0) + count
            then[hour] = then.get(hour, 0) + positives.get((at, hour), 0)
    usual = {hour: count * then[hour] / there[hour] for hour in there for count in [rows.get((day, hour), 0)]}
    before, expected = (sum(each for hour, each in usual.items() if (hour >= first) is late) for late in (False, True))
    had, found = (
        sum(n for (at, hour), n in positives.items() if at == day and (hour >= first) is late) for late in (False, True)
    )
    if min(before, had) < MIN_EXPECTED or expected * had / before < MIN_EXPECTED:
        return None
    return Late(day, first, found, expected * had / before)
