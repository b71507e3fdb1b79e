"""What do the rows of a batch add up to, by cell? Exact sums of integers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample import Ints

MEASURES = ("rows", "exposure", "outcome", "value", "cost")
EXACT_BELOW = 2**53
"""Sums of integers in floating point are exact up to here."""

Sums = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch's measures, made ready once for all terms: few rows have an outcome or value, many measures are constant.

    A measure is its rows (None: all) with what they hold, or the one number that all rows hold.
    """

    parts: Mapping[str, "tuple[Ints | None, NDArray[np.generic]] | int"]

    @classmethod
    def of(cls, measures: Mapping[str, NDArray[np.generic]]) -> "Measured":
        """Make the measures of a batch ready."""
        return cls({name: _ready(np.asarray(measure, np.int64)) for name, measure in measures.items()})

    def by(self, cell: Ints, size: int) -> Sums:
        """Return the sums by cell: a row a measure, `rows` first."""
        rows = np.bincount(cell, minlength=size)
        sums = [rows]
        for name in MEASURES[1:]:
            part = self.parts[name]
            if isinstance(part, int):
                sums.append(rows * part)
                continue
            at, held = part
            sums.append(_sum_by(cell if at is None else cell.take(at), held, size))
        return np.stack(sums).astype(np.int64, copy=False)


def _ready(measure: NDArray[np.int64]) -> "tuple[Ints | None, NDArray[np.generic]] | int":
    if len(measure) and (measure.strides == (0,) or bool((measure == measure[0]).all())):
        return int(measure[0])
    there = np.flatnonzero(measure)
    few = len(there) * 2 < len(measure)
    held = measure.take(there) if few else measure
    exact = float(np.abs(held).sum(dtype=np.float64)) < EXACT_BELOW
    return there if few else None, held.astype(np.float64) if exact else held


def _sum_by(cell: Ints, held: NDArray[np.generic], size: int) -> Sums:
    """Return exact integer sums by cell: in floating point while they are surely exact, else slowly."""
    if held.dtype == np.float64:
        return np.bincount(cell, held, size).astype(np.int64)
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, held)
    return sums
