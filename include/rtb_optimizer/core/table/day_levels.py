"""Warns of values whose money changes its unit on some days, or whose exposures were thinned and the outcomes were not.

Cents for units, another currency, and a logger that keeps all clicks and a tenth of the rest leave a table that looks
like any other: what is paid, earned or clicked per exposure of a value is of another magnitude on some days, while it
is steady on the others. The days that are left say how steady it is by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample, sum_by
from rtb_optimizer.core.table.day_rates import spans

ENOUGH = 20.0
"""Rows of equal amounts that an amount has to stand on (Kish's effective number), on the days looked at and on each
other day that it is compared with: one large payment is no change of unit."""
MIN_DAYS = 3
APART, TIMES, MOST_VALUES = 8.0, 2.0, 90
"""A level has changed where it is this factor from the median of the other days, and that is so many times, in
logarithms, what these are apart from each other, of the value and of so many percent of the feature's values: of 1,000
windows of columns of real logs one was above 5, by 7.5."""
MOST_ROWS = 250_000
"""Rows that exposures and prices are taken from, evenly among more: a factor of so much shows in few."""
THINNED, KEPT = 3.0, 1.5
"""Exposures are thinned where they fall by the first factor, and outcomes by less than the second."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cell of each row (n integers): its value of a feature, of V, and its day, of D."""

    codes: NDArray[np.intp]
    values: int
    days: int

    def sums(self, codes: NDArray[np.intp], of: Floats) -> Floats:
        """Return the sums of rows by value and day (V x D)."""
        return sum_by(codes, of, self.values * self.days).reshape(self.values, self.days)


@dataclass(frozen=True, slots=True)
class _Level:
    """An amount by value and day, what it is taken per, and its effective rows (V x D each).

    `known` are the codes of the values that have enough rows on enough days, as few of many have.
    """

    amount: Floats
    per: Floats
    rows: Floats
    known: NDArray[np.intp]

    @classmethod
    def of(cls, cells: _Cells, amount: Floats, per: Floats | None = None) -> "_Level":
        """Return the level of an amount per something of the rows that have any, or of a day (n floats each)."""
        rows = np.flatnonzero(amount)
        codes, some = (cells.codes, amount) if len(rows) == len(amount) else (cells.codes[rows], amount[rows])
        total = cells.sums(codes, some)
        squares = total if bool((some == 1).all()) else cells.sums(codes, some**2)
        of = np.ones(total.shape) if per is None else cells.sums(codes, per if some is amount else per[rows])
        effective = total**2 / np.maximum(squares, 1e-300)
        return cls(total, of, effective, np.flatnonzero((effective >= ENOUGH).sum(axis=1) >= MIN_DAYS - 1))

    def change(self, span: Mask) -> tuple[Floats, Floats]:
        """Return the logarithm of the factor by which the level differs on some days, and how far the others are apart.

        NaN where there is too little of it (V floats each).
        """
        change, apart = np.full(len(self.rows), np.nan), np.full(len(self.rows), np.nan)
        rows = self.rows[self.known]
        enough = ((rows[:, ~span] >= ENOUGH).sum(axis=1) >= MIN_DAYS - 1) & (rows[:, span].sum(axis=1) >= ENOUGH)
        at = self.known[enough]
        if len(at):
            amount, per = self.amount[at], self.per[at]
            with np.errstate(divide="ignore", invalid="ignore"):
                levels = np.where(self.rows[at] >= ENOUGH, np.log(amount / per), np.nan)[:, ~span]
            now = np.log(amount[:, span].sum(axis=1) / per[:, span].sum(axis=1))
            ordered, count = np.sort(levels, axis=1), np.isfinite(levels).sum(axis=1)  # what is not known is last
            low, high, last = (ordered[np.arange(len(at)), n] for n in ((count - 1) // 2, count // 2, count - 1))
            change[at] = now - (low + high) / 2
            apart[at] = np.maximum(last - ordered[:, 0], np.percentile(last - ordered[:, 0], MOST_VALUES))
        return change, apart


def day_levels(
    sample: Sample, features: Sequence[str], days: NDArray[np.datetime64], *, has_cost: bool, is_money: bool
) -> list[RunWarning]:
    """Warn of the value of each feature whose cost, money or exposures change their unit most on some days.

    Args:
        sample: The rows (n).
        features: The features that are looked at.
        days: The day of each row (n days).
        has_cost: Whether the logs have what rows cost.
        is_money: Whether outcomes are money.
    """
    distinct, day = numbered_days(days)
    if len(distinct) < MIN_DAYS:
        return []
    names, size = [str(each) for each in distinct], len(distinct)
    some = np.arange(0, len(day), -(-len(day) // MOST_ROWS))
    exposure, spend = sample.exposure[some], sample.spend[some]
    day_of_some, day_of_positive = day[some], day[sample.positive]
    warnings = list[RunWarning]()
    for name in features:
        feature = sample.features[name]
        drawn = _Cells(feature.codes[some] * size + day_of_some, len(feature.values), size)
        positive = _Cells(feature.codes[sample.positive] * size + day_of_positive, len(feature.values), size)
        outcome = sample.outcome[sample.positive]
        found = {"price_moves": _farthest(_Level.of(drawn, spend, exposure), size)} if has_cost else {}
        if is_money:
            per = sample.exposure[sample.positive]
            found["worth_moves"] = _farthest(_Level.of(positive, outcome, per), size)
        else:
            levels = _Level.of(drawn, exposure), _Level.of(positive, outcome)
            found["exposures_thinned"] = _thinned(*levels, size)
        warnings += [w for code, moved in found.items() for w in _warned(code, name, feature.values, names, moved)]
    return warnings


@dataclass(frozen=True, slots=True)
class _Moved:
    """The value whose level has changed most, on which days, by which factor, and how many values have changed."""

    code: int
    days: Mask
    factor: float
    values: int


def _farthest(level: _Level, days: int) -> _Moved | None:
    """Return the value whose level changes most on a day, or on the last days together."""
    found = []
    for span in spans(days):
        change, apart = level.change(span)
        found.append((span, change, np.abs(change) > np.maximum(log(APART), TIMES * apart)))
    return _most(found)


def _thinned(exposure: _Level, outcome: _Level, days: int) -> _Moved | None:
    """Return the value whose exposures fall most on days on which its outcomes do not."""
    found = []
    for span in spans(days):
        (fell, apart), (kept, _) = exposure.change(span), outcome.change(span)
        which = (-fell > np.maximum(log(THINNED), TIMES * apart)) & (np.abs(kept) < log(KEPT))
        found.append((span, fell, which))
    return _most(found)


def _most(found: Sequence[tuple[Mask, Floats, Mask]]) -> _Moved | None:
    """Return the largest of changes (V floats) on some days, of those that are so large (V booleans)."""
    values = np.logical_or.reduce([which for _, _, which in found]) if found else np.zeros(0, dtype=bool)
    if not values.any():
        return None
    span, change, which = max(found, key=lambda each: float(np.max(np.where(each[2], np.abs(each[1]), 0.0))))
    code = int(np.argmax(np.where(which, np.abs(change), 0.0)))
    return _Moved(code, span, exp(float(change[code])), int(values.sum()))


WORDS = {
    "price_moves": "costs {:.3g} times per exposure what it costs on its other days{}: another unit, as cents or per "
    "thousand, or another currency? the level of all bids follows the spend in cost_column; have these days delivered "
    "in one unit, or leave them out of the window",
    "worth_moves": "earns {:.3g} times per paying exposure what it earns on its other days{}: another unit, as cents, "
    "or another currency? the table bids by it; have these days delivered in one unit, or leave them out of the window",
    "exposures_thinned": "has {:.3g} times the exposures of its other days, and the outcomes of a whole one{}: are "
    "exposures without an outcome sampled, or lost? the table takes its rate for better than it is; deliver all of "
    "them, or what each stands for in weight_column",
}


def _warned(code: str, name: str, values: Sequence[str], days: Sequence[str], moved: _Moved | None) -> list[RunWarning]:
    if moved is None:
        return []
    more = f", as do {moved.values - 1} more of {name}" if moved.values > 1 else ""
    at = np.flatnonzero(moved.days)
    listed = days[int(at[0])] if len(at) == 1 else f"{days[int(at[0])]} to {days[int(at[-1])]}"
    words = WORDS[code].format(moved.factor, more)
    return [RunWarning(code, f"{name}={values[moved.code]} on {listed} {words}")]
