"""What does selection look at? Rows drawn from the logs, every feature as integer codes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

HASH_FOLDS = 5
MIN_DAYS_FOR_DAY_FOLDS = 3
HOLDOUT_BUCKETS = 5


@dataclass(frozen=True, slots=True)
class Feature:
    """One candidate over the sampled rows: `values[codes[i]]` is row i's canonical value."""

    codes: Ints
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Arrays of one length n. `exposure` and `outcome` carry the row's weight; `spend` is what normalises bids."""

    exposure: Floats
    outcome: Floats
    spend: Floats
    fold: Ints
    features: Mapping[str, Feature]

    def where(self, keep: Mask) -> "Sample":
        """Return the rows of `keep` (n booleans)."""
        features = {name: replace(f, codes=f.codes[keep]) for name, f in self.features.items()}
        return Sample(self.exposure[keep], self.outcome[keep], self.spend[keep], self.fold[keep], features)


@dataclass(frozen=True, slots=True)
class Split:
    """How rows are parted: a fold per row, and the rows that selection never sees."""

    fold: Ints
    holdout: Mask
    by_day: bool


def split_rows(days: NDArray[np.object_] | list[date], row_hash: NDArray[np.uint64]) -> Split:
    """Part rows by day, the last day held out; with fewer than four days by the row's hash, a fifth held out.

    Days are the honest blocks: rows of one day share users, outages and retries, and a random split would let a
    feature learn from its own day.
    """
    order = {day: n for n, day in enumerate(sorted(set(days)))}
    day = np.array([order[d] for d in days], dtype=np.int64)
    if len(order) > MIN_DAYS_FOR_DAY_FOLDS:
        return Split(day, day == len(order) - 1, by_day=True)
    buckets = (row_hash % np.uint64(HASH_FOLDS * HOLDOUT_BUCKETS)).astype(np.int64)
    return Split(buckets % HASH_FOLDS, buckets // HASH_FOLDS == 0, by_day=False)


def sum_by(codes: Ints, weights: Floats, size: int) -> Floats:
    """Return the sum of `weights` by code: `size` floats."""
    return np.bincount(codes, weights, size).astype(np.float64)
