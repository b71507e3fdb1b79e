"""Does a candidate know the outcome? Then it was written after it, and no bidder will see it in time.

The sign: values that come with an outcome or not at all. One such value is luck; when many outcomes sit in values
that had every chance to be seen without one, the column follows the outcome.
"""

from math import log

import numpy as np

from rtb_optimizer.core.sample import Feature, Sample, sum_by

SURPRISE_NATS = 10.0
"""A value counts when chance would leave it without a plain row once in exp(10), about 22,000, values."""
PURE_RATE = 0.98
SUSPECT_SHARE = 0.1


def knows_the_outcome(feature: Feature, sample: Sample) -> bool:
    """Whether a tenth of all outcomes sits in values that hardly exist without the outcome."""
    return pure_share(feature, sample) > SUSPECT_SHARE


def pure_share(feature: Feature, sample: Sample) -> float:
    """Return the share of outcomes in values that are surprisingly pure.

    A value with k outcomes among its rows and nothing else has, by chance, a probability of s^k, with s the share
    of sampled rows that have an outcome (or the outcome rate, where rows are counts).
    """
    size = len(feature.values)
    outcome = sum_by(feature.codes, sample.outcome, size)
    exposure = sum_by(feature.codes, sample.exposure, size)
    total = float(outcome.sum())
    rate = total / float(sample.exposure.sum())
    chance = min(max(float(np.mean(sample.outcome > 0)), rate), 1.0)
    if total <= 0 or chance >= 1.0:
        return 0.0
    pure = (outcome >= PURE_RATE * exposure) & (outcome * log(1 / chance) >= SURPRISE_NATS)
    return float(outcome[pure].sum()) / total
