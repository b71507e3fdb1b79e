"""Converts money into effective events, so that one model predicts both events and money.

Quasi-Poisson: the variance of money is `phi` times its mean, phi being the typical amount that comes at once. Money
over phi has the variance of a count: priors, significance and tiers then mean the same for both.
"""

import numpy as np

from rtb_optimizer.core.sample.sample import Floats


def effective_events(value: Floats, exposure: Floats, weight: Floats, cap_quantile: float) -> tuple[Floats, float]:
    """Return each row's money in events (n floats) and phi, the money of one event.

    Args:
        value: Money of each row; what is negative counts as none.
        exposure: Opportunities of each row.
        weight: How many rows of the logs each row stands for.
        cap_quantile: Where money per exposure is capped, as a quantile of the exposures that earn: one outlier must
            not make a segment.
    """
    capped = _winsorised(np.maximum(value, 0.0), exposure, weight, cap_quantile)
    mean = float((weight * capped).sum() / (weight * exposure).sum())
    if mean <= 0:
        return np.zeros(len(value)), 1.0
    expected = mean * exposure
    phi = float((weight * (capped - expected) ** 2 / np.maximum(expected, 1e-300)).sum() / weight.sum())
    return (capped / phi, phi) if phi > 0 else (capped, 1.0)


def share_cut(value: Floats, exposure: Floats, weight: Floats, cap_quantile: float) -> float:
    """Return the share of the money that the cap removes; arguments as of `effective_events`."""
    earned = np.maximum(value, 0.0)
    total = float((weight * earned).sum())
    capped = float((weight * _winsorised(earned, exposure, weight, cap_quantile)).sum())
    return 1 - capped / total if total > 0 else 0.0


def _winsorised(value: Floats, exposure: Floats, weight: Floats, quantile: float) -> Floats:
    earning = np.flatnonzero(value > 0)
    if quantile >= 1 or len(earning) == 0:
        return value
    rate = value[earning] / exposure[earning]
    order = np.argsort(rate, kind="stable")
    below = np.cumsum((weight * exposure)[earning][order])
    largest = max(len(earning) - 2, 0)  # of few rows the quantile is the largest value, which would set no cap
    at = min(int(np.searchsorted(below, quantile * below[-1])), largest)
    capped: Floats = np.minimum(value, rate[order[at]] * exposure)
    return capped
