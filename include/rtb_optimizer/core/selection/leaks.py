"""Detects candidates that leak the outcome: columns written after it, which no bidder has at bid time.

The signs: values that come with an outcome or not at all (one such value is chance; when many outcomes sit in values
that had every chance to occur without one, the column follows the outcome), and a value that differs between the row
of an exposure and the row of its event, where the logs have both.
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.sample import Feature, Sample, sum_by

SURPRISE_NATS = 10.0
"""A value is pure when chance would leave it without a row of no outcome once in exp(10), about 22,000, values."""
PURE_RATE = 0.98
SUSPECT_SHARE = 0.1
MIN_EVENT_PAIRS = 20
"""Minimum number of exposures that also have a row for the event."""


def leaks_outcome(feature: Feature, sample: Sample) -> bool:
    """Whether a tenth of all outcomes sits in values that hardly occur without the outcome."""
    return pure_share(feature, sample) > SUSPECT_SHARE


def pure_share(feature: Feature, sample: Sample) -> float:
    """Return the share of outcomes in values that are surprisingly pure.

    A value with k outcomes among its rows and nothing else has, by chance, a probability of s^k, with s the share
    of sampled rows that have an outcome (or the outcome rate, where rows are counts).
    """
    size = len(feature.values)
    outcome = sample.outcomes_by(feature.codes, size)
    exposure = sum_by(feature.codes, sample.exposure, size)
    total = float(outcome.sum())
    rate = total / float(sample.exposure.sum())
    chance = min(max(float(np.mean(sample.outcome > 0)), rate), 1.0)
    if total <= 0 or chance >= 1.0:
        return 0.0
    pure = (outcome >= PURE_RATE * exposure) & (outcome * log(1 / chance) >= SURPRISE_NATS)
    return float(outcome[pure].sum()) / total


def changes_between_exposure_and_event(
    feature: Feature, outcome: NDArray[np.float64], row_id: NDArray[np.uint64]
) -> bool:
    """Whether the column differs between the rows of one id without and with an outcome, in a tenth of the ids.

    Args:
        feature: The candidate over n rows.
        outcome: Outcomes of each row (n floats).
        row_id: A hash of each row's id (n integers): an exposure and its event share it.
    """
    order = np.lexsort((outcome, row_id))
    first, second = order[:-1], order[1:]
    pairs = (row_id[first] == row_id[second]) & (outcome[first] == 0) & (outcome[second] > 0)
    changed = feature.codes[first][pairs] != feature.codes[second][pairs]
    return len(changed) >= MIN_EVENT_PAIRS and bool(changed.mean() > SUSPECT_SHARE)
