"""Finds rows that were never bought, and the columns that tell which rows were.

A bid that was lost costs nothing and cannot have an outcome. Logs of bids hold both kinds of rows, and a flag of the
won ones, a reason of the loss or a price band explains the outcomes well and is written after the auction. Where
outcomes are paid for (cost per click), rows without a cost have no outcome either: then nearly all that cost have one.
"""

from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Mask, sum_by

MIN_EXPECTED = 20.0
"""Outcomes that the rows without a cost would have at the rate of the others: fewer are missing by chance."""
MAX_OUTCOMES = 0.01
"""A larger part of these outcomes is there where a cost was only not logged."""
PAID_PER_OUTCOME = 0.9
"""From this rate of the rows that cost on, an outcome is what is paid for."""
TOLD, MISTAKEN = 0.95, 0.02
"""A column tells which rows were bought by values of this share of the rows that were not, and at most that of others.

A supply source that logs lost bids beside its own won ones is below the first or above the second.
"""


@dataclass(frozen=True, slots=True)
class Unbought:
    """Which of n rows have no cost, their share of the exposures, and the outcomes that they would have."""

    rows: Mask
    share: float
    expected: float


def unbought_rows(spend: Floats, rows: RowOutcomes) -> Unbought | None:
    """Return the rows without a cost, if they lack the outcomes that they would have as exposures.

    Args:
        spend: What each row cost (n floats).
        rows: The outcomes of the rows.
    """
    is_free = spend <= 0
    having, count = rows.with_outcome * rows.weight, _counts(rows)
    paid, free = float(count[~is_free].sum()), float(count[is_free].sum())
    if not paid > 0 or not free > 0:
        return None
    rate = float(having[~is_free].sum()) / paid
    expected, found = free * rate, float(having[is_free].sum())
    is_evident = expected * rows.share_with >= MIN_EXPECTED and found <= MAX_OUTCOMES * expected
    if not is_evident or rate >= PAID_PER_OUTCOME:
        return None
    return Unbought(is_free, free / (free + paid), expected)


def tells_what_was_bought(feature: Feature, unbought: Unbought, rows: RowOutcomes) -> bool:
    """Whether the values of a column (n codes) tell which rows were bought.

    Values are chosen on one half of the rows and judged on the other: a value of one row tells nothing.
    """
    size, count = len(feature.values), _counts(rows)
    cells = feature.codes + size * (np.arange(len(feature.codes)) % 2)
    free, paid = (
        sum_by(cells, count * of, 2 * size).reshape(2, size)
        for of in (unbought.rows.astype(float), (~unbought.rows).astype(float))
    )
    chosen = (free > paid)[::-1]
    told, mistaken = float(free[chosen].sum()) / float(free.sum()), float(paid[chosen].sum()) / float(paid.sum())
    return told >= TOLD and mistaken <= MISTAKEN


def _counts(rows: RowOutcomes) -> Floats:
    return (rows.with_outcome + rows.without) * rows.weight
