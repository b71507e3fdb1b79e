"""Judges whether a window holds the rows that it should: between its days, by the hour, and against the active run.

Logs that are there in part make a table that looks like any other. What is missing shows in volume: a day with a
fraction of the others' rows, hours without any, a window that is a fraction of the active run's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import exp, inf, log
from statistics import median

from rtb_optimizer.core.sample.counts import Counts

MEASURES: Mapping[str, str] = {"rows": "rows", "exposures": "exposure", "outcomes": "outcome", "spend": "cost"}
"""The measures that volume is judged by, and the fields of a day that hold them."""
PRICES: Mapping[str, str] = {"cost": "cost", "value": "value"}
ENOUGH_ROWS, ENOUGH_OUTCOMES, ENOUGH_PER_HOUR = 200.0, 50.0, 30.0
"""Fewer vary by a factor of their own: no comparison is made."""
ENOUGH_POSITIVES = 15.0
"""Rows with an outcome that an hour without any should have: by chance one of a million has none."""
MOST = 1e9
"""The factor of a day that has some of what the other days have nothing of."""
SILENT_BELOW = 0.05
"""An hour with less than this share of what it should have is silent."""
KNOWN_DAYS, FEWEST_DAYS, FEWEST_OF_WEEKDAY = 28, 7, 3
"""Days that a run hands on to the next, days that a day is compared with at least, and those of its weekday."""
UNUSUAL_FACTOR, UNUSUAL_OUTCOMES = 1.5, 300.0
"""A day within this factor of another one is usual; of fewer outcomes chance alone makes as much."""
TIMES_THE_GAP = 2.0
"""How many times the usual distance, in logarithms, a day is away from all others to be unusual.

The usual distance is the largest of the others from their nearest. In simulated years whose days vary by 10 to 40 % at
most one night in a hundred is unusual; of days that lost half of their rows 89 % are where days vary by 10 %, 25 % are
where they vary by 20 %.
"""

Hour = tuple[date, int]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A day whose measure is `factor` times that of the other days."""

    measure: str
    day: date
    factor: float
    found: float
    usual: float


@dataclass(frozen=True, slots=True)
class Silence:
    """The silent hours of a day, and which share of its rows they should have held."""

    day: date
    hours: tuple[int, ...]
    share: float


def against(days: Collection[Counts], before: Collection[Counts]) -> dict[str, float]:
    """Return by what factor the measures of a mean day differ from the active run's, where there is enough of them."""
    means = {name: (_mean(field, days), _mean(field, before)) for name, field in MEASURES.items()}
    return {
        name: max(now, 0.0) / then
        for name, (now, then) in means.items()
        if then > 0 and _is_enough(name, *means["outcomes" if name == "outcomes" else "rows"])
    }


def _mean(field: str, days: Collection[Counts]) -> float:
    return sum(getattr(day, field) for day in days) / len(days) if days else 0.0


def between_days(days: Mapping[date, Counts]) -> Outlier | None:
    """Return the day and the measure that differ most from the median of the other days; None without two days."""
    found = [_outlier(name, field, day, days) for name, field in MEASURES.items() for day in days]
    return _farthest(found)


def unusual_day(days: Mapping[date, Counts], before: Mapping[date, Counts]) -> Outlier | None:
    """Return the day that is farther from every other day than these are from each other; None without a week of them.

    A day is compared with the nearest of all days, and with the nearest of its weekday: half a Tuesday may be as much
    as a Sunday. The factor is that from this nearest day.

    Args:
        days: The days of the window.
        before: The days that earlier runs read.
    """
    found = []
    for name, field in MEASURES.items():
        known = {
            at: log(getattr(day, field)) for at, day in {**before, **days}.items() if _is_comparable(name, field, day)
        }
        for at in days.keys() & known.keys():
            others = {other: level for other, level in known.items() if other != at}
            nearest = _nearest_if_unusual(known[at], [[*others.values()]], FEWEST_DAYS)
            if nearest is None:
                nearest = _nearest_if_unusual(known[at], _by_weekday(others, at), FEWEST_OF_WEEKDAY)
            if nearest is not None:
                found.append(Outlier(name, at, exp(known[at] - nearest), exp(known[at]), exp(nearest)))
    return _farthest(found)


def restated_day(days: Mapping[date, Counts], before: Mapping[date, Counts]) -> Outlier | None:
    """Return the day that differs most from what an earlier run read of it; None where none does by a factor of 1.5."""
    found = [
        Outlier(name, at, min(now / then, MOST) if then > 0 else MOST, now, then)
        for name, field in MEASURES.items()
        for at in days.keys() & before.keys()
        for now, then in ((getattr(days[at], field), getattr(before[at], field)),)
        if max(now, then) > 0 and _is_enough(name, _evidence(name, days[at]), _evidence(name, before[at]))
    ]
    return _farthest([each for each in found if not 1 / UNUSUAL_FACTOR <= each.factor <= UNUSUAL_FACTOR])


def latest_days(days: Mapping[date, Counts], before: Mapping[date, Counts]) -> dict[date, Counts]:
    """Return the days that the next run's are compared with, in order."""
    known = sorted({**before, **days}.items())
    return dict(known[-KNOWN_DAYS:])


def prices_between_days(days: Mapping[date, Counts]) -> Outlier | None:
    """Return the day whose cost or value per row differs most from the median of the other days."""
    found = []
    for name, field in PRICES.items():
        enough = ENOUGH_OUTCOMES if name == "value" else ENOUGH_ROWS
        priced = {
            day: getattr(each, field) / each.rows
            for day, each in days.items()
            if (each.outcome if name == "value" else each.rows) >= enough and getattr(each, field) > 0
        }
        for day, price in priced.items():
            others = [other for at, other in priced.items() if at != day]
            if others:
                found.append(Outlier(name, day, price / median(others), price, median(others)))
    return _farthest(found)


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


def _outlier(name: str, field: str, day: date, days: Mapping[date, Counts]) -> Outlier | None:
    others = [other for at, other in days.items() if at != day]
    if not others:
        return None
    usual, found = median(getattr(other, field) for other in others), getattr(days[day], field)
    evidence = _evidence(name, days[day]), median(_evidence(name, other) for other in others)
    if max(usual, found) <= 0 or not _is_enough(name, *evidence):
        return None
    return Outlier(name, day, min(found / usual, MOST) if usual > 0 else MOST, found, usual)


def _evidence(name: str, day: Counts) -> float:
    """Return the number that a measure of a day stands on."""
    return day.outcome if name == "outcomes" else day.rows


def _is_enough(name: str, *evidence: float) -> bool:
    return max(evidence) >= (ENOUGH_OUTCOMES if name == "outcomes" else ENOUGH_ROWS)


def _is_comparable(name: str, field: str, day: Counts) -> bool:
    enough = UNUSUAL_OUTCOMES if name == "outcomes" else ENOUGH_ROWS
    return getattr(day, field) > 0 and _evidence(name, day) >= enough / UNUSUAL_FACTOR


def _by_weekday(levels: Mapping[date, float], at: date) -> list[list[float]]:
    """Return levels by weekday, from that of a day on."""
    return [[level for day, level in levels.items() if (day - at).days % 7 == n] for n in range(7)]


def _nearest_if_unusual(level: float, groups: Sequence[Sequence[float]], fewest: int) -> float | None:
    """Return the nearest of the first group where even that is unusually far; None where it is not, or few are known.

    The other groups tell how near to each other levels of one group usually are.
    """
    others = groups[0]
    if len(others) < fewest:
        return None
    usual = max(_largest_gap(group) for group in groups)
    nearest = min(others, key=lambda other: abs(other - level))
    return nearest if abs(nearest - level) > max(log(UNUSUAL_FACTOR), TIMES_THE_GAP * usual) else None


def _largest_gap(levels: Sequence[float]) -> float:
    """Return the largest distance of a level from its nearest; 0 for less than two."""
    between = [after - at for at, after in pairwise(sorted(levels))]
    return max((min(pair) for pair in pairwise([inf, *between, inf])), default=0.0) if between else 0.0


def _farthest(found: Collection[Outlier | None]) -> Outlier | None:
    outliers = [outlier for outlier in found if outlier is not None]
    # Rounded: of measures that a lost part of a day takes along alike, the first one is named.
    return max(outliers, key=lambda outlier: round(abs(log(max(outlier.factor, 1 / MOST))), 6), default=None)


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
