"""Holds the rows drawn from the logs as arrays, with every feature as integer codes, and splits them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.values import NO_VALUES

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Mask = NDArray[np.bool_]

HASH_FOLDS = 5
MIN_DAYS_FOR_DAY_FOLDS = 3
HOLDOUT_BUCKETS = 5


@dataclass(frozen=True, slots=True)
class Feature:
    """One candidate over the sampled rows: `values[codes[i]]` is row i's canonical value."""

    codes: Ints
    values: Sequence[str]

    @classmethod
    def named(cls, codes: Ints, names: Sequence[str]) -> "Feature":
        """Return a feature from codes and a name of each code; codes of one name become one value, in sorted order."""
        values = tuple(sorted(set(names)))
        place = dict(zip(values, range(len(values)), strict=True))
        recode = np.fromiter(map(place.__getitem__, names), np.intp, len(names))
        return cls(recode.take(codes), values)

    @property
    def barred(self) -> Ints:
        """The codes of what is no value (an unexpanded macro, or a text that is too long): never a segment."""
        return np.array([n for n, value in enumerate(self.values) if value in NO_VALUES], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Bought:
    """How rows were bought, as arrays of one length n.

    `bid` is the multiplier that the table of its time gave each row; `volume` is how much of its traffic was bought,
    relative to a multiplier of 1 for all requests. Volume follows a multiplier to the power of `elasticity`.
    """

    bid: Floats
    volume: Floats
    elasticity: float = 1.0

    def multiplier_of(self, exposure: Floats, codes: Ints, size: int) -> Floats:
        """Return by value the multiplier that would have bought its exposures, had all requests been bid alike.

        Args:
            exposure: The exposures of each row (n floats).
            codes: The value of each row, below `size` (n integers).
            size: The number of values.
        """
        bought, at_one = (sum_by(codes, of, size) for of in (exposure, exposure / self.volume))
        volume: Floats = np.maximum(bought, 1e-300) / np.maximum(at_one, 1e-300)
        multiplier: Floats = volume ** (1 / self.elasticity)
        return multiplier


@dataclass(frozen=True)
class Sample:
    """Arrays of one length n. `exposure` and `outcome` carry the row's weight; `spend` is what the logs spent.

    `unit` is the amount of the logs' measure per outcome: 1 for events, money for value. `stands_for` is the design
    effect, the rows of the logs per effective row: a row that counts ten times is evidence of one. `bought` is None
    where all rows were bought at a multiplier of 1. `paid_share` is what each row cost over its bid, NaN where that
    is not known; None where bids are not logged.
    """

    exposure: Floats
    outcome: Floats
    spend: Floats
    fold: Ints
    features: Mapping[str, Feature]
    unit: float = 1.0
    stands_for: float = 1.0
    bought: Bought | None = None
    paid_share: Floats | None = None

    @cached_property
    def base_spend(self) -> Floats:
        """What each row stands for in spend at a multiplier of 1: what weighs bids (n floats)."""
        return self.spend if self.bought is None else self.spend / self.bought.volume

    @cached_property
    def base_outcome(self) -> Floats:
        """What each row stands for in outcomes at a multiplier of 1 (n floats)."""
        return self.outcome if self.bought is None else self.outcome / self.bought.volume

    @property
    def elasticity(self) -> float:
        """The power of the multiplier that volume follows."""
        return 1.0 if self.bought is None else self.bought.elasticity

    @cached_property
    def positive(self) -> Ints:
        """The rows that have an outcome: usually few, so that sums of outcomes need only these."""
        return np.flatnonzero(self.outcome)

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """The runs of rows of one fold; of a sample sorted by fold, the folds."""
        changes = np.flatnonzero(self.fold[1:] != self.fold[:-1]) + 1
        edges = [0, *changes.tolist(), len(self.fold)]
        return tuple(slice(start, end) for start, end in pairwise(edges) if start < end)

    def by_fold(self) -> "Sample":
        """Return the sample sorted by fold, as scoring needs it; the rows of a fold keep their order."""
        return self if bool((self.fold[1:] >= self.fold[:-1]).all()) else self.at(np.argsort(self.fold, kind="stable"))

    def where(self, keep: Mask) -> "Sample":
        """Return the rows of `keep` (n booleans); contiguous rows are not copied."""
        rows = np.flatnonzero(keep)
        together = len(rows) > 0 and rows[-1] - rows[0] + 1 == len(rows)
        return self._with(lambda column: column[rows[0] : rows[-1] + 1] if together else column.take(rows))

    def at(self, rows: Ints) -> "Sample":
        """Return the rows at these positions, in this order."""
        return self._with(lambda column: column.take(rows))

    def _with(self, part: Callable[[NDArray[Any]], NDArray[Any]]) -> "Sample":
        features = {name: replace(f, codes=part(f.codes)) for name, f in self.features.items()}
        exposure, outcome, spend, fold = map(part, (self.exposure, self.outcome, self.spend, self.fold))
        bought = self.bought
        if bought is not None:
            bought = Bought(part(bought.bid), part(bought.volume), bought.elasticity)
        paid = None if self.paid_share is None else part(self.paid_share)
        return Sample(exposure, outcome, spend, fold, features, self.unit, self.stands_for, bought, paid)

    def with_features(self, names: Iterable[str]) -> "Sample":
        """Return the sample with only these of its features: ids with a value per row take much memory."""
        return replace(self, features={name: self.features[name] for name in dict.fromkeys(names)})

    def outcomes_by(self, codes: Ints, size: int) -> Floats:
        """Return the outcomes by code: `size` floats."""
        return sum_by(codes.take(self.positive), self._outcomes, size)

    def outcomes_by_block(self, codes: Ints, size: int) -> Floats:
        """Return the outcomes by code in each of the blocks: a row a block, `size` columns."""
        cells = self._block_of_outcomes * size + codes.take(self.positive)
        return sum_by(cells, self._outcomes, len(self.blocks) * size).reshape(len(self.blocks), size)

    @cached_property
    def _outcomes(self) -> Floats:
        return self.outcome.take(self.positive)

    @cached_property
    def _block_of_outcomes(self) -> Ints:
        return np.searchsorted([block.stop for block in self.blocks], self.positive, side="right")


@dataclass(frozen=True, slots=True)
class Split:
    """The fold of each row, and the rows held out from selection."""

    fold: Ints
    holdout: Mask
    by_day: bool


def split_rows(days: NDArray[np.object_] | list[date], row_hash: NDArray[np.uint64]) -> Split:
    """Split rows by day, the last day held out; with fewer than four days by the row's hash, a fifth held out.

    Days are the independent blocks: rows of one day share users, outages and retries, and a random split would let a
    feature learn from its own day.
    """
    distinct, day = numbered_days(np.asarray(days, dtype="datetime64[D]"))
    if len(distinct) > MIN_DAYS_FOR_DAY_FOLDS:
        return Split(day, day == len(distinct) - 1, by_day=True)
    buckets = (row_hash % np.uint64(HASH_FOLDS * HOLDOUT_BUCKETS)).astype(np.int64)
    return Split(buckets % HASH_FOLDS, buckets // HASH_FOLDS == 0, by_day=False)


def sum_by(codes: Ints, weights: Floats, size: int) -> Floats:
    """Return the sum of `weights` by code: `size` floats."""
    return np.bincount(codes, weights, size).astype(np.float64, copy=False)  # of no rows, bincount returns integers
