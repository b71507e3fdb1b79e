"""Tests whether values of a column are too pure of rows without the outcome to have been known before it.

How few rows without the outcome prove that depends on the base rate: at a base rate of a half, an honest ad unit may be
viewable 99 times of 100. Values are chosen on one half of the rows and judged on the other: where it was chosen, the
purest of many is pure by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Self

import numpy as np

from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, sum_by

MIN_OUTCOMES = 20
SUSPECT_SHARE = 0.1
"""Values that leak hold more than this share of the outcomes; fewer may be bots."""
Z_CHANCE = 2.33
"""Standard errors that the rows without the outcome stay below what honest values have: once in a hundred by chance."""
CHOSEN_FROM = (0.5, 0.8, 0.95, 0.99, 0.998)
"""Rates from which values are chosen on one half: the best of these is judged on the other."""
CHOSEN_PRIOR = 2.0
"""Rows of the base rate that shrink each value's rate when values are chosen."""


@dataclass(frozen=True, slots=True)
class HonestOdds:
    """The largest odds of the outcome that honest values reach: `lift` times those of all rows, `most` at most.

    Set so that values of 99.5 % are honest at a base rate of a half, and values of 60 % at one of 0.2 %. Of rows, odds
    of 9 are honest at any base rate, and where nearly all rows have the outcome, 20 times those of all rows.
    """

    lift: float
    most: float

    def of_rows(self, base: float) -> float:
        """Return the odds of rows at a base rate."""
        return max(self.of_weights(base), 9.0, 20 * base / (1 - base))

    def of_weights(self, base: float) -> float:
        """Return the odds of what rows stand for at a base rate."""
        return min(self.lift * base / (1 - base), self.most)


OF_VALUES = HonestOdds(lift=500, most=250)
OF_ELEMENTS = HonestOdds(lift=60, most=60)
"""Lists hold an element beside many others: none is nearly certain of the outcome by itself, as a placement may be."""


@dataclass(frozen=True, slots=True)
class RowSums:
    """Rows of the logs with the outcome and without, by half of the rows and value (2 x V each).

    `weight_with` and `weight_without` are what they stand for.
    """

    with_outcome: Floats
    without: Floats
    weight_with: Floats
    weight_without: Floats

    @classmethod
    def of(cls, codes: Ints, size: int, rows: RowOutcomes) -> Self:
        """Count the rows of each value; the sample is in an order that is independent of the outcome."""
        return cls(*(sums.reshape(2, size) for sums in rows.by(codes + size * rows.half, 2 * size)))

    def by_class(self, of: Ints, among: Ints, size: int) -> Self:
        """Return the sums of classes of values: the class `of[i]` holds the value `among[i]`."""
        return type(self)(
            *(
                np.stack([sum_by(of, half.take(among), size) for half in counts])
                for counts in (self.with_outcome, self.without, self.weight_with, self.weight_without)
            )
        )

    @property
    def base(self) -> float:
        """The share of the rows that have the outcome."""
        total = float(self.with_outcome.sum())
        return total / (total + float(self.without.sum()))

    def chosen(self, half: int, rate: float) -> Mask:
        """Return the values whose rate on one half reaches a rate (V booleans)."""
        k, n = self.with_outcome[half], self.with_outcome[half] + self.without[half]
        reached = (k + CHOSEN_PRIOR * self.base) >= rate * (n + CHOSEN_PRIOR)
        chosen: Mask = reached & (k > 0)
        return chosen


@dataclass(frozen=True, slots=True)
class PureValues:
    """Values chosen on one half of the rows, and what they are on the other: their rate, their share of the outcomes.

    `example` is the value with the most outcomes among them, `chosen_from` the rate that they were chosen from.
    """

    rate: float
    share: float
    example: int
    chosen_from: float

    def words(self, which: str, base: float) -> str:
        """Return the evidence; `which` says of rows that they have such a value."""
        return (
            f"{self.rate:.4g} of the rows {which} have the outcome, {base:.2g} of all rows do, and they are "
            f"{self.share:.0%} of the rows with the outcome"
        )


@dataclass(frozen=True, slots=True)
class PurityTest:
    """Tests whether values have too few rows without the outcome to be honest.

    `sums` are the rows by value; `is_as_drawn` says whether those of chosen values (2 x V) are like outcome rows.
    """

    sums: RowSums
    rows: RowOutcomes
    is_as_drawn: Callable[[Mask], bool]

    def purest(self, chosen: Callable[[int, float], Mask], honest: HonestOdds) -> PureValues | None:
        """Return the values that are too pure, of those (V booleans) that are chosen on one half from a rate on."""
        sums, total = self.sums, float(self.sums.with_outcome.sum())
        for rate in CHOSEN_FROM:
            others = np.stack([chosen(half, rate) for half in (1, 0)])  # chosen on the one, counted on the other
            k, c = float(sums.with_outcome[others].sum()), float(sums.without[others].sum())
            is_enough = k > SUSPECT_SHARE * total and k * self.rows.share_with >= MIN_OUTCOMES
            if is_enough and self._is_too_pure(others, k, c, honest):
                example = int(np.argmax((sums.with_outcome * others).sum(axis=0)))
                return PureValues(k / (k + c), k / total, example, rate)
        return None

    def _is_too_pure(self, chosen: Mask, k: float, c: float, honest: HonestOdds) -> bool:
        """Whether k rows with the outcome and c without are no honest values: by the rows and by what they weigh.

        Where the weights leave too few rows to tell, but do not speak for honest values, the other columns decide.
        """
        sums, drawn = self.sums, self.rows.share_without
        weight_with, weight_without = float(sums.weight_with.sum()), float(sums.weight_without.sum())
        of_weights = honest.of_weights(weight_with / (weight_with + weight_without))
        by_weights = float(sums.weight_with[chosen].sum()) / of_weights * float(sums.without.sum()) / weight_without
        if not _is_below(c * drawn, k / honest.of_rows(sums.base) * drawn):
            return False
        return _is_below(c * drawn, by_weights * drawn) or (c <= by_weights and self.is_as_drawn(chosen))


def _is_below(count: float, expected: float) -> bool:
    """Whether a count is significantly below what is expected, by its variance-stabilising root.

    Freeman and Tukey (1950).
    """
    return 2 * (sqrt(expected) - sqrt(count + 1)) > Z_CHANCE
