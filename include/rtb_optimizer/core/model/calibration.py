"""How steep should the table be? The calibration slope: by how much what was told came true on days not learnt from.

Factors are learnt and judged within the training days, and the next day is never quite like these: slots go, prices
move. Told and seen are held against each other on the hold-out, as `log(strength) = level + slope x told` (Cox 1958);
factors to the power of the slope are what the next day confirmed. Few outcomes say little: the slope is a posterior
around 1.
"""

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_of
from rtb_optimizer.core.sample.sample import Floats, Sample

PRIOR_DEVIATION = 0.15
"""A slope further than this from 1 takes outcomes to show."""
LEAST, MOST = 0.5, 1.25
STEPS = 50
DONE = 1e-9


def calibration_slope(told: Floats, seen: Sample, link: Link) -> float:
    """Return the slope of what was seen on what was told.

    Args:
        told: The log of each row's product of factors (n floats).
        seen: The rows with their outcomes.
        link: The scale on which factors multiply.
    """
    if seen.outcome.sum() <= 0 or float(np.ptp(told)) == 0.0:
        return 1.0
    rate = float(seen.outcome.sum() / seen.exposure.sum())
    at = np.array([np.log(rate / (1 - rate) if link is Link.ODDS and rate < 1 else rate), 1.0])
    for _ in range(STEPS):
        step, curvature = _newton(at, told, seen, link)
        at += np.clip(step, -1.0, 1.0)
        if float(np.abs(step).max()) < DONE:
            break
    slope, precision = float(at[1]), float(1 / np.linalg.inv(curvature)[1, 1])
    prior = PRIOR_DEVIATION**-2
    return float(np.clip((slope * precision + prior) / (precision + prior), LEAST, MOST))


def _newton(at: Floats, told: Floats, seen: Sample, link: Link) -> tuple[Floats, Floats]:
    """Return a Newton step of (level, slope) on the log-likelihood, and its curvature (2 x 2)."""
    rate = rate_of(np.exp(at[0] + at[1] * told), link)
    expected = seen.exposure * rate
    weight = expected if link is Link.LOG else expected * (1 - rate)
    off = seen.outcome - expected
    curvature = np.array([[weight.sum(), (weight * told).sum()], [(weight * told).sum(), (weight * told**2).sum()]])
    curvature += np.eye(2) * 1e-9 * curvature.trace()
    return np.linalg.solve(curvature, np.array([off.sum(), (off * told).sum()])), curvature
