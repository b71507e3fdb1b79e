"""Finds the hours of a window that have no rows, or no outcomes, where other days and the active run have some."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from rtb_optimizer.core.decision.volume import MOST_LOST
from rtb_optimizer.core.sample.counts import Counts

ENOUGH_PER_HOUR = 30.0
"""Rows that an hour should have: fewer vary by a factor of their own."""
ENOUGH_POSITIVES = 15.0
"""Rows with an outcome that an hour without any should have: by chance one of a million has none."""
SILENT_BELOW = 0.05
"""An hour with less than this share of what it should have is silent."""

Hour = tuple[date, int]


@dataclass(frozen=True, slots=True)
class Silence:
    """The silent hours of a day, and which share of its rows they should have held."""

    day: date
    hours: tuple[int, ...]
    share: float


def silences(
    rows: Mapping[Hour, int],
    hours: Collection[Hour],
    usual: Sequence[float],
    *,
    enough: float = ENOUGH_PER_HOUR,
    begins_late: bool = False,
    ends_early: bool = False,
) -> list[Silence]:
    """Return the days with silent hours, in order.

    An hour should have as many rows as the same hour of the other days (their median), or of the active run's mean day,
    whichever is more. Hours that are silent every day are no loss.

    Args:
        rows: The rows of each hour that has any.
        hours: The hours that the logs should cover, on the entity's clock.
        usual: The rows of the active run's mean day by hour; empty where they are not known.
        enough: The rows that an hour should have for its silence to be one.
        begins_late: Whether logs may begin within the window: its hours before the first row are not silent then.
        ends_early: Whether they may end within it.
    """
    first = min(rows, default=None) if begins_late else None
    last = max(rows, default=None) if ends_early else None
    covered = sorted(h for h in hours if (first is None or h >= first) and (last is None or h <= last))
    expected = _expected(covered, rows, usual)
    by_day: dict[date, list[int]] = {}
    for (day, hour), should in expected.items():
        if should >= enough and rows.get((day, hour), 0) < SILENT_BELOW * should:
            by_day.setdefault(day, []).append(hour)
    return [Silence(day, tuple(silent), _share(day, silent, expected, rows)) for day, silent in sorted(by_day.items())]


def unjudged(silent: Sequence[Silence], days: Mapping[date, Counts], judged: Mapping[date, Counts]) -> list[Silence]:
    """Return the silences of days that the active run did not read alike.

    Args:
        silent: The days with silent hours.
        days: The days of the window.
        judged: The days as earlier active runs read them.
    """
    alike = {day for day in days.keys() & judged.keys() if days[day].rows >= MOST_LOST * judged[day].rows}
    return [each for each in silent if each.day not in alike]


def _expected(hours: Sequence[Hour], rows: Mapping[Hour, int], usual: Sequence[float]) -> dict[Hour, float]:
    """Return how many rows each hour should have."""
    by_hour: dict[int, list[Hour]] = {}
    for hour in hours:
        by_hour.setdefault(hour[1], []).append(hour)
    expected = {}
    for hour in hours:
        others = [rows.get(other, 0) for other in by_hour[hour[1]] if other != hour]
        expected[hour] = max(median(others) if others else 0.0, usual[hour[1]] if usual else 0.0)
    levels = {day: _level(day, expected, rows) for day in {day for day, _ in hours}}
    return {(day, hour): should * levels[day] for (day, hour), should in expected.items()}


def _level(day: date, expected: Mapping[Hour, float], rows: Mapping[Hour, int]) -> float:
    """Return the volume of a day relative to what it should have, by its hours that are not silent; at most 1.

    A day with a tenth of the usual rows in every hour is a small day: no hour of it is silent.
    """
    hours = [(rows.get(hour, 0), should) for hour, should in expected.items() if hour[0] == day and should > 0]
    there = [(found, should) for found, should in hours if found >= SILENT_BELOW * should] or hours
    return min(1.0, sum(found for found, _ in there) / sum(should for _, should in there)) if there else 1.0


def _share(day: date, silent: Sequence[int], expected: Mapping[Hour, float], rows: Mapping[Hour, int]) -> float:
    """Return which share of a day's rows its silent hours should have held."""
    lost = sum(expected[day, hour] for hour in silent)
    there = sum(count for (at, _), count in rows.items() if at == day)
    return lost / (lost + there)
