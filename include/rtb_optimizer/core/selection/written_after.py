"""Judges whether values stand among the rows with the outcome as if drawn from them, as values written after it do.

Given the outcome, what was written after it is independent of the other columns: its rows have their values as often as
the other rows with the outcome have them. An honest value that is nearly certain of the outcome was there before: its
rows have the values of the other columns as all rows do, or as no others do. The two differ as far as the other columns
predict the outcome. This is evidence where weights leave too few rows without the outcome for purity to be judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Mask, sum_by

UNLIKE_ALL_Z = 4.0
"""Standard errors that the rows of the values are at least from all rows, toward those with the outcome."""
LIKE_OUTCOMES_Z = 3.0
"""Standard errors that they are at most from the other rows with the outcome, by each of the other columns."""
LIFT_PRIOR = 2.0
"""Outcomes that shrink the lift of each value of the other columns."""


@dataclass(frozen=True, slots=True)
class _Mean:
    """The weighted mean of rows, and its variance by the effective number of rows (Kish, 1965)."""

    mean: float
    variance: float

    @classmethod
    def of(cls, values: Floats, weight: Floats) -> Self:
        """Average values (n floats)."""
        total = float(weight.sum())
        if total <= 0:
            return cls(0.0, np.inf)
        mean = float((values * weight).sum()) / total
        return cls(mean, float((weight**2 * (values - mean) ** 2).sum()) / total**2)

    def z_over(self, other: "_Mean") -> float:
        """Return by how many standard errors this mean is above another."""
        error = float(np.sqrt(self.variance + other.variance))
        return (self.mean - other.mean) / error if error > 0 else 0.0


def is_as_drawn_from_outcomes(held: Mask, rows: RowOutcomes, others: Sequence[Feature]) -> bool:
    """Whether the rows that hold some values are like the other rows with the outcome, and unlike all rows.

    Each row has a score by each of the other columns, the log of the lift of its value, estimated on one half of the
    rows that do not hold the values and compared on the other half.

    Args:
        held: The rows that hold the values (n booleans).
        rows: The outcomes of the rows.
        others: The other columns, over the same rows.
    """
    of_outcome = rows.with_outcome * rows.weight * rows.log_weight
    of_all = of_outcome + rows.without * rows.weight * rows.log_weight
    is_fitted = np.arange(len(held)) % 4 < 2  # noqa: PLR2004 - two of four rows, of both parities
    compared, total = ~held & ~is_fitted, np.zeros(len(held))
    for other in others:
        score = _log_lift(other, of_outcome * (~held & is_fitted), of_all * (~held & is_fitted))
        ours, theirs = (_Mean.of(score, of_outcome * of) for of in (held, compared))
        if abs(ours.z_over(theirs)) > LIKE_OUTCOMES_Z:
            return False
        total += score
    return _Mean.of(total, of_outcome * held).z_over(_Mean.of(total, of_all * compared)) > UNLIKE_ALL_Z


def _log_lift(feature: Feature, of_outcome: Floats, of_all: Floats) -> Floats:
    """Return the log of each row's lift by the value of a column (n floats), from weights of rows."""
    k, n = (sum_by(feature.codes, weight, len(feature.values)) for weight in (of_outcome, of_all))
    expected = n * (k.sum() / max(float(n.sum()), 1e-300))
    lift: Floats = np.log((k + LIFT_PRIOR) / (expected + LIFT_PRIOR))
    return lift.take(feature.codes)
