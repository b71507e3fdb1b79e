"""Finds rows that were delivered again under new ids: alike in their time, their values, their cost and their outcome.

Rows are honestly alike as well: where times are coarse and columns few, and where a page shows several slots at once.
Two events are seldom alike in all that could differ. Slots of a page view differ in their placement or price in some
page views, and of a click on one the others have none; what was delivered again never differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.hashes import Hashes, mixed
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask

ENOUGH, MIN_POSITIVES = 30, 10
"""Pairs of rows that are alike, and those of them with the outcome, that are drawn at least."""
MOST_OTHER, CHANCE = 0.1, 4.0
"""Pairs of one time that differ in something, as a share of those that are alike, beside so many times what is likely
by the mix of all times: within seconds, a column of real logs had 3.2 times as many."""
MOST_OF_ONE = 0.2
"""Pairs of which one row has the outcome, as a share of those of which both have it; 3 more that may have been missed
are counted in. Of a click on one of two slots the other has none."""
TWO, PAIRS_OF_TWO = 2, 0.5
"""Share of the pairs that are two rows and no more: a bot leaves many at once."""
FINE = 0.05
"""A cost, or all values together, tell events apart where at most this share of pairs of rows has the same."""
SAME_MIX = 0.25
"""How much of the rows that are alike may be of other values than the rest, where times and values alone tell."""
MOST_ROWS, MOST_PRICED = 150_000, 50_000
"""Rows that are looked at, all of some times among more, as those that are alike have one time; and rows whose costs
are compared."""
MIN_PAIRS, MIN_SHARE = 100, 0.01
"""Pairs that a share is taken of, at least; values of fewer of the rows are one."""
UNIQUE = 0.9
"""A column with a value of its own in so many rows is an id, which a second delivery may give anew."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Rows of a sample (n): hashes of their times and ids, which have the outcome, and the shares that were drawn."""

    time: Hashes
    identity: Hashes
    positive: Mask
    share_with: float
    share_without: float

    def at(self, rows: Ints) -> "Drawing":
        """Return the rows at these positions."""
        shares = self.share_with, self.share_without
        return Drawing(self.time[rows], self.identity[rows], self.positive[rows], *shares)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of drawn rows that are alike: both with the outcome, both without it, and one with it."""

    both: float
    neither: float
    one: float

    def in_logs(self, drawing: Drawing) -> float:
        """Return how many such pairs the logs have."""
        having, without = drawing.share_with, drawing.share_without
        return self.both / having**2 + self.neither / without**2 + self.one / (having * without)


def redelivered(drawing: Drawing, features: Mapping[str, Feature], cost: Floats | None) -> float:
    """Return the share of the logs' rows that repeat another under another id; 0 where that is not sure.

    Args:
        drawing: The rows (n), each with an id and a time.
        features: The columns of the rows, without their ids.
        cost: What each row cost (n floats); None where that is not known.
    """
    some = np.uint64(max(-(-len(drawing.time) // MOST_ROWS), 1))
    rows = np.flatnonzero((drawing.time >> np.uint64(7)) % some == 0)
    rows = rows[np.unique(drawing.identity[rows], return_index=True)[1]]
    seen = drawing.at(rows)
    mates = np.flatnonzero(_sizes(seen.time) > 1)
    if len(mates) < ENOUGH:
        return 0.0
    codes = [each.codes[rows] for each in features.values() if len(each.values) < UNIQUE * len(drawing.time)]
    paid = None if cost is None else np.round(cost[rows] * 1e6).astype(np.int64)
    found = _Mates.of(seen.at(mates), [each[mates] for each in codes], None if paid is None else paid[mates])
    if not found.is_one_event():
        return 0.0
    is_fine = paid is not None and found.told_by_cost(_same_cost(codes, paid, seen.time))
    if not found.differ_in_nothing() or not (is_fine or found.told_by_values(codes)):
        return 0.0
    positives = int(seen.positive.sum())
    in_logs = positives / seen.share_with + (len(rows) - positives) / seen.share_without
    return found.alike.in_logs(seen) / in_logs


@dataclass(frozen=True, slots=True)
class _Mates:
    """Rows (m) that have another at the same time: hashes of their values, and of these with their time and cost."""

    drawn: Drawing
    codes: Sequence[Ints]
    paid: Ints | None
    values: Hashes
    of_values: Hashes
    key: Hashes
    alike: _Pairs

    @classmethod
    def of(cls, drawn: Drawing, codes: Sequence[Ints], paid: Ints | None) -> Self:
        """Return rows with their hashes; `paid` is what each cost, in millionths."""
        values = mixed(np.zeros(len(drawn.time), dtype=np.uint64), codes)
        of_values = mixed(drawn.time, [values])
        key = of_values if paid is None else mixed(of_values, [paid])
        return cls(drawn, codes, paid, values, of_values, key, _pairs(key, drawn.positive))

    def is_one_event(self) -> bool:
        """Whether rows that are alike have one outcome, and are two each."""
        alike, drawn = self.alike, self.drawn
        if alike.both < MIN_POSITIVES or alike.both + alike.neither < ENOUGH:
            return False
        one, both = (alike.one + 3) / drawn.share_without, alike.both / drawn.share_with
        sizes = _sizes(self.key)
        of_two = (sizes == TWO).sum()
        return bool(one <= MOST_OF_ONE * both and of_two >= PAIRS_OF_TWO * (sizes - 1).sum())

    def differ_in_nothing(self) -> bool:
        """Whether rows of one time and one value of a column, or one cost, are alike, but for what chance explains."""
        shared = [*self.codes, *([] if self.paid is None else [self.paid])]
        return all(self._explained(code.astype(np.uint64)) for code in shared)

    def told_by_cost(self, same_cost: float) -> bool:
        """Whether the cost tells events apart, and rows that are alike in all else have one."""
        other = _pairs(self.of_values, self.drawn.positive).in_logs(self.drawn) - self._of_alike
        return same_cost <= FINE and self._explained(self.values) and self._of_alike >= 10 * same_cost * other

    def told_by_values(self, codes: Sequence[Ints]) -> bool:
        """Whether rows that are alike are one event where one of a time is, or one of a time and a value of a column.

        They have the values that all rows have, whose codes are `codes`: one part of the traffic has others.
        """
        is_alone = self._at_once - self._of_alike <= MOST_OTHER * self._of_alike
        is_alone &= _collision(self.values, self.drawn.time) <= FINE
        sharp = (self._by_chance(own.astype(np.uint64)) <= MOST_OTHER * self._of_alike for own in self.codes)
        if not is_alone and not any(sharp):
            return False
        of_alike = np.flatnonzero(_sizes(self.key) > 1)
        return all(_distance(code, own[of_alike]) <= SAME_MIX for code, own in zip(codes, self.codes, strict=True))

    @property
    def _of_alike(self) -> float:
        return self.alike.in_logs(self.drawn)

    @property
    def _at_once(self) -> float:
        return _pairs(self.drawn.time, self.drawn.positive).in_logs(self.drawn)

    def _explained(self, value: Hashes) -> bool:
        """Whether pairs of one time and one value are no more than those that are alike, and chance."""
        pairs = _pairs(mixed(self.drawn.time, [value]), self.drawn.positive).in_logs(self.drawn)
        return pairs - self._of_alike <= MOST_OTHER * self._of_alike + self._by_chance(value)

    def _by_chance(self, value: Hashes) -> float:
        """Return how many pairs of one time and one value chance may explain."""
        return CHANCE * _collision(value, self.drawn.time) * self._at_once


def _sizes(key: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return how many rows have each row's key."""
    _, place, counts = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(counts[place])


def _pairs(key: Hashes, positive: Mask) -> _Pairs:
    _, place = np.unique(key, return_inverse=True)
    having = np.bincount(place, positive)
    without = np.bincount(place) - having
    both, neither = (float((of * (of - 1)).sum() / 2) for of in (having, without))
    return _Pairs(both, neither, float((having * without).sum()))


def _pairs_of(key: NDArray[np.integer]) -> float:
    counts = np.unique(key, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / 2)


def _collision(value: Hashes, time: Hashes) -> float:
    """Return the share of the pairs of rows of different times that have the same value."""
    apart = len(time) * (len(time) - 1) / 2 - _pairs_of(time)
    return (_pairs_of(value) - _pairs_of(mixed(time, [value]))) / apart if apart > 0 else 1.0


def _same_cost(codes: Sequence[Ints], paid: Ints, time: Hashes) -> float:
    """Return which share of the pairs of rows of a value and of different times cost the same, by the worst column."""
    some = np.arange(0, len(time), -(-len(time) // MOST_PRICED))
    paid, time = paid[some], time[some]
    worst = _collision(mixed(np.zeros(len(some), dtype=np.uint64), [paid]), time)
    for code in codes:
        value = code[some].astype(np.uint64)
        of_value, of_both = (mixed(value, columns) for columns in ([], [paid]))
        pairs, same = (_pairs_of(key) - _pairs_of(mixed(time, [key])) for key in (of_value, of_both))
        worst = max(worst, same / pairs) if pairs >= MIN_PAIRS else worst
    return worst


def _distance(code: Ints, of_some: Ints) -> float:
    """Return the total variation distance of the values of some rows from those of all."""
    size = int(code.max(initial=0)) + 1
    every, some = (np.bincount(each, minlength=size) / len(each) for each in (code, of_some))
    common = every >= MIN_SHARE
    every, some = np.append(every[common], every[~common].sum()), np.append(some[common], some[~common].sum())
    return float(np.abs(every - some).sum() / 2)
