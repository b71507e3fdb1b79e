"""Counts outcomes by row of the logs, the evidence that purity is judged on, beside what a row weighs."""

from dataclasses import dataclass

from rtb_optimizer.core.sample.sample import Floats


@dataclass(frozen=True, slots=True)
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
