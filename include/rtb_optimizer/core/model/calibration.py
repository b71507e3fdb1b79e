"""Estimates the calibration slope: how far the factors, fitted on the training days, hold on the next day.

Factors are fitted and scored within the training days, and the next day differs: slots and prices change. Predicted
and observed outcomes are compared on the hold-out, as `log(strength) = intercept + slope x log(factors)` (Cox 1958);
factors to the power of the slope are what the hold-out confirmed. Few outcomes carry little information: the slope is
a posterior around 1.
"""

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_of
from rtb_optimizer.core.sample.sample import Floats, Sample

PRIOR_DEVIATION = 0.15
"""Standard deviation of the prior around 1."""
MIN_SLOPE, MAX_SLOPE = 0.5, 1.25
MAX_STEPS = 50
TOLERANCE = 1e-9


def calibration_slope(log_factors: Floats, holdout: Sample, link: Link) -> float:
    """Return the slope of observed outcomes on predicted factors, between 0.5 and 1.25.

    Args:
        log_factors: The log of each row's product of factors (n floats).
        holdout: The rows with their outcomes.
        link: The scale on which factors multiply.
    """
    if holdout.outcome.sum() <= 0 or float(np.ptp(log_factors)) == 0.0:
        return 1.0
    rate = float(holdout.outcome.sum() / holdout.exposure.sum())
    parameters = np.array([np.log(rate / (1 - rate) if link is Link.LOGIT and rate < 1 else rate), 1.0])
    for _ in range(MAX_STEPS):
        step, curvature = _newton(parameters, log_factors, holdout, link)
        parameters += np.clip(step, -1.0, 1.0)
        if float(np.abs(step).max()) < TOLERANCE:
            break
    slope, precision = float(parameters[1]), float(1 / np.linalg.inv(curvature)[1, 1])
    prior = PRIOR_DEVIATION**-2
    return float(np.clip((slope * precision + prior) / (precision + prior), MIN_SLOPE, MAX_SLOPE))


def _newton(parameters: Floats, log_factors: Floats, holdout: Sample, link: Link) -> tuple[Floats, Floats]:
    """Return a Newton step of (intercept, slope) on the log-likelihood, and its curvature (2 x 2)."""
    rate = rate_of(np.exp(parameters[0] + parameters[1] * log_factors), link)
    expected = holdout.exposure * rate
    weight = expected if link is Link.LOG else expected * (1 - rate)
    residual = holdout.outcome - expected
    curvature = np.array(
        [[weight.sum(), (weight * log_factors).sum()], [(weight * log_factors).sum(), (weight * log_factors**2).sum()]]
    )
    curvature += np.eye(2) * 1e-9 * curvature.trace()
    return np.linalg.solve(curvature, np.array([residual.sum(), (residual * log_factors).sum()])), curvature
