"""Finds rows that are the sum of the others: the total of a report, which counts all of its traffic once more.

Reports of platforms end with a row of the total, per file or per day, whose cells say "Total", "-" or nothing. Words
differ, sums do not: exposures, outcomes and cost of a value are those of all other rows of the day together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.sample import Feature, Floats, Sample, sum_by

SAME, SAME_COST = 1e-6, 1e-3
"""Relative differences of equal sums: counts are whole, costs of a report are rounded row by row."""
MIN_OUTCOMES = 20.0
"""Outcomes of a day whose half says something: two of four are no sum."""
ROWS_A_TOTAL = 3
"""A total has at most this part of the rows of its day: two halves of a test have as many each."""


@dataclass(frozen=True, slots=True)
class Total:
    """A feature whose value holds the sum of all other rows, the value, and how many rows have it."""

    feature: str
    value: str
    rows: int


def totals_among_rows(
    sample: Sample, days: NDArray[np.datetime64], by_day: Mapping[date, Counts], *, has_cost: bool
) -> Total | None:
    """Return the value that holds a total on each of its days; None where none does.

    The sums of a day are of all of its rows, so that the rows with a total alone have to be in the sample: those with
    an outcome, as a total is, mostly are.

    Args:
        sample: The rows (n), with their features.
        days: The day of each row (n days).
        by_day: The sums of the logs by day.
        has_cost: Whether the logs have what rows cost.
    """
    distinct, day = numbered_days(days)
    known = [by_day.get(each) for each in distinct.astype(object).tolist()]
    if not known or None in known:
        return None
    whole = [
        np.array([getattr(each, name) for each in known], dtype=np.float64) for name in ("exposure", "outcome", "cost")
    ]
    for name, feature in sorted(sample.features.items()):
        codes = _totals(feature, day, sample, whole, has_cost=has_cost)
        if len(codes):
            rows = np.bincount(feature.codes, minlength=len(feature.values))
            code = max(codes.tolist(), key=lambda n: int(rows[n]))
            return Total(name, feature.values[code], int(rows[code]))
    return None


def _totals(
    feature: Feature, day: NDArray[np.intp], sample: Sample, whole: list[Floats], *, has_cost: bool
) -> NDArray[np.intp]:
    """Return the codes of the values that hold the sum of the others on each day on which they have rows."""
    days, scale = len(whole[0]), sample.stands_for
    cells, shape = feature.codes * days + day, (len(feature.values), days)
    rows, exposure, outcome, cost = (
        sum_by(cells, of, shape[0] * days).reshape(shape)
        for of in (np.ones(len(cells)), sample.exposure * scale, sample.outcome * scale, sample.spend)
    )
    all_exposure, all_outcome, all_cost = whole
    is_counted = sample.unit == 1.0 and bool((all_outcome >= MIN_OUTCOMES).all())
    same = _is_half(exposure, all_exposure, SAME) & (ROWS_A_TOTAL * rows <= rows.sum(axis=0))
    if has_cost:
        same &= _is_half(cost, all_cost, SAME_COST) & (all_cost > 0)
    if is_counted:
        same &= _is_half(outcome, all_outcome, SAME)
    if not has_cost and not is_counted:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero((same | (rows == 0)).all(axis=1) & (rows.sum(axis=1) > 0))


def _is_half(of_value: Floats, of_day: Floats, same: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(2 * of_value - of_day) <= same * np.maximum(of_day, 1.0))
