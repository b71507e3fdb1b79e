"""Finds counts that run on from row to row of a key, and are not those of the row's own hour or day.

Counts of an hour scatter: from hour to hour some fall, in a morning as well, as chance has it about the trend of their
neighbours. Running totals never fall. Where many falls would be, and next to none are, the counts run on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.hashes import mixed
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints

MAX_RISING = 0.5
"""A run is held where more of the changes are rises and counts are found to run on: half of honest ones are."""
ENOUGH = 30.0
"""Falls that should be, at least."""
MOST_FALLS = 0.1
"""Falls that are, as a share of those that should be, up to which counts run on; chance has so few once in 10^9."""
SCATTER = 0.5
"""The steps of running totals are counts, and fall as often as counts do, at least by this factor: what grows without
any noise, as an estimate does, is no running total."""
NEIGHBOURS = 4
"""Rows of a key in a row that a change is looked at among: the outer two give the trend."""
MOST_ALIKE = 0.5
"""Share of the rows that have the key and time of another, above which keys are not known."""
KEY_COLUMNS = 3
"""Columns by which keys are picked among more rows."""
MOST_ROWS, MOST_COMPARED = 150_000, 20_000
"""Rows that are looked at, all of some keys among more; and rows by which a column is found to follow the time."""


@dataclass(frozen=True, slots=True)
class Running:
    """How many changes from row to row of a key there are, the falls among them, and how many of these should be."""

    changes: int
    falls: int
    expected: float


def running_totals(
    counts: Sequence[Floats], features: Mapping[str, Feature], time: NDArray[np.datetime64]
) -> Running | None:
    """Return what tells that counts run on, within each day or through the window; None where they do not, or may not.

    Args:
        counts: Counts of the rows (n floats each), as of exposures and outcomes.
        features: The columns of the rows, that together are their keys.
        time: The time of each row (n).
    """
    at = time.astype("datetime64[m]").astype(np.int64)
    columns = [each for each in features.values() if not _follows(each.codes, at)]
    if not columns:
        return None
    rows = _of_some_keys(columns, len(at))
    at = at[rows]
    key = mixed(np.zeros(len(at), dtype=np.uint64), [each.codes[rows] for each in columns])
    day = time[rows].astype("datetime64[D]").astype(np.int64)
    order = _alone(key, at)
    if len(order) < MOST_ALIKE * len(rows):
        return None
    for series in (mixed(key, [day]), key):
        parts = [_Series(series[order], at[order], count[rows][order]) for count in counts]
        found = [each.changes() for each in parts]
        whole, of_steps = _sum(found), _sum([each.steps().changes() for each in parts])
        run_on = all(each.falls <= MOST_FALLS * each.expected for each in found if each.expected >= 1)
        if run_on and whole.expected >= ENOUGH and of_steps.falls >= SCATTER * of_steps.expected:
            return whole
    return None


def _of_some_keys(columns: Sequence[Feature], size: int) -> Ints:
    """Return all rows of some keys, by the columns with the most values."""
    if size <= MOST_ROWS:
        return np.arange(size)
    most = sorted(columns, key=lambda each: len(each.values))[-KEY_COLUMNS:]
    key = mixed(np.zeros(size, dtype=np.uint64), [each.codes for each in most])
    return np.flatnonzero((key >> np.uint64(7)) % np.uint64(-(-size // MOST_ROWS)) == 0)


def _follows(codes: Ints, at: Ints) -> bool:
    """Whether a column has one value at each time, as an hour or a day has."""
    some = np.arange(0, len(at), -(-len(at) // MOST_COMPARED)) if len(at) else np.zeros(0, dtype=np.intp)
    times = np.unique(at[some], return_inverse=True)[1].astype(np.int64)
    pairs = times * (int(codes.max(initial=0)) + 1) + codes[some]
    return len(np.unique(pairs)) == len(np.unique(times))


def _alone(key: Ints, at: Ints) -> Ints:
    """Return the rows in the order of their keys and times, without those that share both."""
    order = np.lexsort((at, key))
    same = (key[order][1:] == key[order][:-1]) & (at[order][1:] == at[order][:-1])
    shared = np.append(False, same) | np.append(same, False)
    return np.asarray(order[~shared])


@dataclass(frozen=True, slots=True)
class _Series:
    """A count of rows (m) whose series are together, in the order of their times."""

    series: Ints
    at: Ints
    count: Floats

    def steps(self) -> "_Series":
        """Return by how much the count of each row is above that of the row before it."""
        same = self.series[1:] == self.series[:-1]
        return _Series(self.series[1:][same], self.at[1:][same], np.diff(self.count)[same])

    def changes(self) -> Running:
        """Return the changes between neighbours of a series.

        A change of Poisson counts a and b about a trend of g falls with the probability Phi(-g / sqrt(a + b)).
        """
        series, at, count = self.series, self.at, self.count
        if len(series) < NEIGHBOURS:
            return Running(0, 0, 0.0)
        first, before, after, last = (slice(n, len(series) - NEIGHBOURS + 1 + n) for n in range(NEIGHBOURS))
        kept = (series[first] == series[last]) & (count[before] != count[after])
        span = np.maximum(at[last] - at[first], 1)
        trend = (count[last] - count[first]) * (at[after] - at[before]) / span
        score = trend / np.sqrt(np.maximum(np.abs(count[before]) + np.abs(count[after]), 1.0))
        expected = _below(-score[kept])
        return Running(int(kept.sum()), int((count[after] < count[before])[kept].sum()), float(expected.sum()))


def _sum(found: Sequence[Running]) -> Running:
    changes, falls = (sum(each) for each in ([e.changes for e in found], [e.falls for e in found]))
    return Running(changes, falls, sum(each.expected for each in found))


def _below(score: Floats) -> Floats:
    """Return the normal distribution function, by Abramowitz and Stegun 26.2.17 (absolute error below 10^-7)."""
    size = np.abs(score)
    t = 1 / (1 + 0.2316419 * size)
    tail = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-(size**2) / 2) / sqrt(2 * np.pi) * tail
    return np.asarray(np.where(score > 0, 1 - upper, upper))
