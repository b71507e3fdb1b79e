"""Judges whether a window holds the rows that it should: between its days, by the hour, and against the active run.

Logs that are there in part make a table that looks like any other. What is missing shows in volume: a day with a
fraction of the others' rows, hours without any, a window that is a fraction of the active run's. A day that an active
run read alike was judged when that run was activated, by its gates or by a person: it holds no other run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from math import exp, inf, log
from statistics import median

from rtb_optimizer.core.sample.counts import Counts

MEASURES: Mapping[str, str] = {"rows": "rows", "exposures": "exposure", "outcomes": "outcome", "spend": "cost"}
"""The measures that volume is judged by, and the fields of a day that hold them."""
PRICES: Mapping[str, str] = {"cost": "cost", "value": "value"}
ENOUGH_ROWS, ENOUGH_OUTCOMES = 200.0, 50.0
"""Fewer vary by a factor of their own: no comparison is made."""
MOST = 1e9
"""The factor of a day that has some of what the other days have nothing of."""
KNOWN_DAYS, FEWEST_DAYS, FEWEST_OF_WEEKDAY = 28, 7, 3
"""Days that a run hands on to the next, days that a day is compared with at least, and those of its weekday."""
DAYS_BEFORE = 3
"""Days before the active run's window that say that it was unusual, and not the first of another level."""
UNUSUAL_FACTOR, UNUSUAL_OUTCOMES = 1.5, 300.0
"""A day within this factor of another one is usual; of fewer outcomes chance alone makes as much."""
MOST_LOST, MOST_GAINED = 0.95, 1.5
"""A day was read alike if it has so many times what was read, or more where it has too little, or less where it has too
much: outcomes of a day come in late, what there was of it is not to vanish.
"""
TIMES_THE_GAP = 2.0
"""How many times the usual distance, in logarithms, a day is away from all others to be unusual.

The usual distance is the largest of the others from their nearest. In simulated years whose days vary by 10 to 40 % at
most one night in a hundred is unusual; of days that lost half of their rows 89 % are where days vary by 10 %, 25 % are
where they vary by 20 %.
"""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A day whose measure is `factor` times that of the other days."""

    measure: str
    day: date
    factor: float
    found: float
    usual: float


def against(
    days: Collection[Counts], active: Mapping[date, Counts], known: Mapping[date, Counts] | None = None
) -> dict[str, float]:
    """Return by what factor the measures of a mean day differ from the active run's, where there is enough of them.

    The active run's window may itself have been unusual, as a holiday is: where each of the days right before it is
    nearer, the factor is that from the farthest of them.

    Args:
        days: The days of the window.
        active: The days of the active run's window.
        known: The days that earlier runs read, without those of the window.
    """
    then = active.values()
    means = {name: (_mean(field, days), _mean(field, then)) for name, field in MEASURES.items()}
    of_day = known or {}
    earlier = [of_day[day] for day in sorted(of_day) if active and day < min(active)][-DAYS_BEFORE:]
    return {
        name: _nearer(max(now, 0.0), usual, [getattr(day, MEASURES[name]) for day in earlier])
        for name, (now, usual) in means.items()
        if usual > 0 and _is_enough(name, *means["outcomes" if name == "outcomes" else "rows"])
    }


def _nearer(now: float, usual: float, earlier: Sequence[float]) -> float:
    """Return the factor from `usual`, or from the farthest of enough earlier days, whichever is nearer to 1."""
    if len(earlier) < DAYS_BEFORE or min(earlier) <= 0:
        return now / usual

    def distance(factor: float) -> float:
        return abs(log(max(factor, 1 / MOST)))

    return min(now / usual, max((now / each for each in earlier), key=distance), key=distance)


def _mean(field: str, days: Collection[Counts]) -> float:
    return sum(getattr(day, field) for day in days) / len(days) if days else 0.0


def between_days(days: Mapping[date, Counts], judged: Mapping[date, Counts] | None = None) -> Outlier | None:
    """Return the day and the measure that differ most from the median of the other days; None without two days.

    Args:
        days: The days of the window.
        judged: The days as earlier active runs read them; what is alike is not returned.
    """
    found = [_outlier(name, field, day, days) for name, field in MEASURES.items() for day in days]
    return _farthest([each for each in found if each and not _is_judged(each, judged or {}, MEASURES[each.measure])])


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


def prices_between_days(days: Mapping[date, Counts], judged: Mapping[date, Counts] | None = None) -> Outlier | None:
    """Return the day whose cost or value per row differs most from the median of the other days.

    Args:
        days: The days of the window.
        judged: The days as earlier active runs read them; what is alike is not returned.
    """
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
    priced_alike = {
        day: replace(each, cost=each.cost / each.rows, value=each.value / each.rows)
        for day, each in (judged or {}).items()
        if each.rows
    }
    return _farthest([each for each in found if not _is_judged(each, priced_alike, each.measure)])


def _is_judged(outlier: Outlier, judged: Mapping[date, Counts], field: str) -> bool:
    """Whether an active run read a day alike, or as even farther from the others."""
    if outlier.day not in judged:
        return False
    then = getattr(judged[outlier.day], field)
    return bool(outlier.found <= MOST_GAINED * then if outlier.factor > 1 else outlier.found >= MOST_LOST * then)


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
