"""Counts outcomes by row of the logs, the evidence that purity is judged on, beside what a row weighs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Ints, sum_by


@dataclass(frozen=True)
class RowOutcomes:
    """What each of n sampled rows is evidence of: exposures with the outcome, and without.

    A row is one or the other, or the exposures that it counts are both. `share_with` and `share_without` are the shares
    of the rows with and without an outcome that were drawn, `weight` is how many rows of the logs a drawn one stands
    for by these, and `log_weight` how many exposures a row of the logs stands for by its own account (n floats each).
    """

    with_outcome: Floats
    without: Floats
    weight: Floats
    log_weight: Floats
    share_with: float = 1.0
    share_without: float = 1.0

    def by(self, cells: Ints, size: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Return by cell the rows of the logs with the outcome and without, and what both stand for (`size` each).

        Few rows have an outcome: sums of outcomes need only these. What rows stand for is summed only where it differs.
        """
        having, with_outcome, without = self._counted
        rows = sum_by(cells.take(having), with_outcome, size), sum_by(cells, without, size)
        if self._is_unweighted:
            return (*rows, *rows)
        weighed = with_outcome * self.log_weight.take(having), without * self.log_weight
        return (*rows, sum_by(cells.take(having), weighed[0], size), sum_by(cells, weighed[1], size))

    @cached_property
    def half(self) -> Ints:
        """The half that each row is of, 0 or 1: every other row (n integers)."""
        return np.arange(len(self.weight)) % 2

    @cached_property
    def _counted(self) -> tuple[Ints, Floats, Floats]:
        """The rows that have an outcome, how many rows of the logs those stand for, and all rows without one."""
        having = np.flatnonzero(self.with_outcome)
        return having, (self.with_outcome * self.weight).take(having), self.without * self.weight

    @cached_property
    def _is_unweighted(self) -> bool:
        return bool((self.log_weight == 1.0).all())
