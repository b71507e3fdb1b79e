"""Counts rows of the logs, and sums what they hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact statistics of some rows of the logs; `value` and `cost` in the currency of the logs."""

    rows: int
    exposure: float
    outcome: float
    value: float
    cost: float


NO_ROWS = Counts(0, 0, 0, 0, 0)
