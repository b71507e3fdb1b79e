"""Measures how volume follows a multiplier, by what changed when another table went live.

Where a table is followed, the exposures of a value change with its multiplier from the active run's window to this
one: log(n1 / n0) = a + e (log b1 - log b0), with one intercept a for each feature, since traffic as a whole changes,
and an elasticity e of 1 where twice the bid buys twice as much, 0 where bidders do not read the table. Requests of one
value may be bid differently, or in part not at all: their bid is the one that would have bought the same exposures, had
all been bid alike. By the mean of the logs, a bidder would look the more elastic the more bids differ. That bid depends
on the elasticity itself: the one that is published leads to itself. Values vary from day to day by more than counting:
the variance between them is measured (Paule and Mandel, 1982).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import inf, sqrt

import numpy as np

from rtb_optimizer.core.sample.sample import Bought, Floats, Ints, Sample, sum_by
from rtb_optimizer.core.table.published_table import PublishedTable

Z = 1.96
"""Standard errors of the published interval, which covers 95 %."""
FOLLOWED_FROM = 0.25
"""An elasticity that is certainly above means that bids follow the table, certainly below that they do not."""
NARROW = 0.6
"""The widest interval whose elasticity replaces the assumption of 1."""
LEAST_RELIABLE = 0.5
"""The least share of the spread of changes that is no error, for a night to count as evidence."""
CHANGED_Z = 4.0
"""Standard errors from which a change of the elasticity between two nights restarts its measurement."""
LARGEST = 4.0
"""Above, an elasticity is no property of an auction."""
PRECISE, MOST_ROUNDS = 0.01, 20
"""When the search for the elasticity that leads to itself ends."""
MIN_EXPOSURE = 30.0
MIN_FREEDOM = 3
MAX_SCATTER, BISECTIONS = 25.0, 50


_Cell = tuple[str, float, float, float, float, float, float]
"""The feature of a cell, and its fields in the order of `_Cells`."""


class Following(StrEnum):
    """Whether the bids of a window followed the table that was live."""

    LIVE = "live"
    NOT_LIVE = "not live"
    UNKNOWN = "cannot tell yet"


@dataclass(frozen=True, slots=True)
class Response:
    """The elasticity of volume as measured so far, and the inverse of its variance; a precision of 0 is no evidence."""

    elasticity: float = 1.0
    precision: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The elasticity's interval of 95 %."""
        reach = Z / sqrt(self.precision) if self.precision > 0 else inf
        return self.elasticity - reach, self.elasticity + reach

    @property
    def following(self) -> Following:
        """Whether bids follow the table, as far as it is known."""
        low, high = self.interval
        if low > FOLLOWED_FROM:
            return Following.LIVE
        return Following.NOT_LIVE if high < FOLLOWED_FROM else Following.UNKNOWN

    @property
    def assumed(self) -> float:
        """The elasticity that bids are computed with: 1, unless the measured one is certainly quite another."""
        low, high = self.interval
        is_other = self.following is Following.LIVE and high - low <= NARROW and not low <= 1 <= high
        return self.elasticity if is_other else 1.0


NOTHING_KNOWN = Response()


@dataclass(frozen=True, slots=True)
class _Cells:
    """Values of features as arrays of one length; a feature's values without a row are one cell.

    `log_ratio` is of the exposures of both windows, `variance` its variance by counting. `change` is that of `log_bid`,
    `error` its variance, and `shared` its covariance with the log ratio: both are computed from the same rows.
    """

    feature: Ints
    log_ratio: Floats
    variance: Floats
    log_bid: Floats
    change: Floats
    error: Floats
    shared: Floats


def updated(known: Response, before: PublishedTable, sample: Sample, bought: Callable[[float], Bought]) -> Response:
    """Return the elasticity with the evidence of one more window.

    Between two nights with nearly the same table, exposures tell little about the elasticity, but much about whether
    it is still the same: a bidder that stopped reading, or began to, changes what all multipliers did.

    Args:
        known: The response as measured when `before` was made.
        before: The active run's table, with the exposures of its own window.
        sample: The rows of this window, with the features of that table.
        bought: Returns how these rows were bought, by the elasticity.
    """
    elasticity = known.assumed
    cells = _cells(before, sample, bought(elasticity))
    if cells is None:
        return known
    if known.precision > 0:
        moved = _slope(cells, cells.log_ratio - known.elasticity * cells.change, cells.log_bid)
        if moved.precision > 0 and abs(moved.elasticity) * sqrt(moved.precision) > CHANGED_Z:
            return Response(known.elasticity + moved.elasticity, moved.precision)
    response = _with(known, cells)
    for _ in range(MOST_ROUNDS):
        led_to = min(max(response.elasticity, FOLLOWED_FROM), LARGEST)
        if abs(led_to - elasticity) < PRECISE:
            break
        elasticity = led_to
        response = _with(known, _cells(before, sample, bought(elasticity)) or cells)
    return response


def _with(known: Response, cells: _Cells) -> Response:
    """Return what is known with the evidence of a window's cells."""
    tonight = _slope(cells, cells.log_ratio, cells.change, cells.error, cells.shared)
    precision = known.precision + tonight.precision
    if not precision > 0:
        return known
    mean = (known.elasticity * known.precision + tonight.elasticity * tonight.precision) / precision
    return Response(mean, precision)


def _slope(cells: _Cells, y: Floats, x: Floats, error: Floats | float = 0.0, shared: Floats | float = 0.0) -> Response:
    """Return the slope of y on x within features, and the inverse of its variance; no evidence where x is mostly error.

    The same exposures are counted by every feature: as evidence they are worth those of one.

    Args:
        cells: Whose features group x and y, and whose variances weigh them.
        y: What depends on x.
        x: As measured.
        error: The variances of the errors of x.
        shared: Their covariances with the errors of y.
    """
    features = np.unique(cells.feature, return_inverse=True)[1]
    groups = int(features.max()) + 1
    freedom = len(y) - groups - 1
    if freedom < MIN_FREEDOM:
        return Response()

    def at(scatter: float) -> _Line:
        weight = 1 / (cells.variance + scatter)
        total = sum_by(features, weight, groups)
        dx, dy = (v - (sum_by(features, weight * v, groups) / total).take(features) for v in (x, y))
        squares = float((weight * dx * dx).sum())
        true = squares - float((weight * error).sum())
        reliability = true / squares if squares > 0 else 0.0
        slope = float((weight * (dx * dy - shared)).sum()) / true if reliability >= LEAST_RELIABLE else 0.0
        return _Line(slope, max(true * reliability, 0.0), reliability, float((weight * (dy - slope * dx) ** 2).sum()))

    low, high = 0.0, MAX_SCATTER
    if at(low).residual <= freedom:
        high = low
    for _ in range(BISECTIONS if high > low else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).residual > freedom else (low, middle)
    line = at(high)
    if line.reliability < LEAST_RELIABLE:
        return Response()
    return Response(line.slope, line.precision / groups * max(freedom - 2, 0) / freedom)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: its slope, the inverse of that slope's variance, the share of x that is no error, and chi squared."""

    slope: float
    precision: float
    reliability: float
    residual: float


def _cells(before: PublishedTable, sample: Sample, bought: Bought) -> _Cells | None:
    """Return the values of the table's features, as far as both windows have enough exposures of them."""
    listed = [cell for name in before.features if name in sample.features for cell in _of(name, before, sample, bought)]
    if not listed:
        return None
    feature, *columns = zip(*listed, strict=True)
    places = {name: n for n, name in enumerate(before.features)}
    return _Cells(np.array([places[name] for name in feature]), *(np.array(column) for column in columns))


def _of(name: str, before: PublishedTable, sample: Sample, bought: Bought) -> Iterator[_Cell]:
    """Yield the cells of one feature; a value without a bid is bought by a holdback, whatever the elasticity."""
    feature, size = sample.features[name], len(sample.features[name].values)
    code_of = dict(zip(feature.values, range(size), strict=True))
    at_one = sample.exposure / bought.volume
    columns = (sample.exposure, at_one, sample.exposure**2, at_one**2, sample.exposure * at_one)
    sums = np.array([sum_by(feature.codes, column, size) for column in columns])
    rows = {dict(pattern)[name]: row for pattern, row in before.rows.items() if {n for n, _ in pattern} == {name}}
    codes = np.array([code_of[value] for value in rows if value in code_of], dtype=np.int64)
    rest = np.ones(size, dtype=bool)
    rest[codes] = False
    power = bought.elasticity
    was, was_at_one = before.exposure, before.exposure / before.bought_at**power
    for value, row in rows.items():
        row_at_one = row.exposure / row.bought_at**power
        was -= row.exposure
        was_at_one -= row_at_one
        if value in code_of and row.exposure >= MIN_EXPOSURE and not row.no_bid:
            yield from _cell(name, sums[:, code_of[value]], row.exposure, row_at_one, power)
    if was >= MIN_EXPOSURE and was_at_one > 0:
        yield from _cell(name, sums[:, rest].sum(axis=1), was, was_at_one, power)


def _cell(name: str, now: Floats, was: float, was_at_one: float, power: float) -> Iterator[_Cell]:
    """Yield a cell, if its exposures tell how they were bought: few of a large weight would blur its bid.

    The rows of the window before are gone: its bid is taken to be known as well as that of this one.

    Args:
        name: The feature.
        now: Sums over the rows of this window: exposures, what they had been at a multiplier of 1, the squares of both,
            and their product.
        was: The exposures of the window before.
        was_at_one: What they had been at a multiplier of 1.
        power: The elasticity.
    """
    exposure, at_one, squared, at_one_squared, product = now.tolist()
    if at_one**2 >= MIN_EXPOSURE * at_one_squared > 0:  # as many rows of one weight, by Kish (1965)
        log_bid = float(np.log(exposure / at_one)) / power
        change = log_bid - float(np.log(was / was_at_one)) / power
        counted, both = squared / exposure**2, product / (exposure * at_one)  # by the delta method
        error = (counted - 2 * both + at_one_squared / at_one**2) / power**2
        shared = (counted - both) / power
        yield name, float(np.log(exposure / was)), counted + 1 / was, log_bid, change, 2 * error, 2 * shared
