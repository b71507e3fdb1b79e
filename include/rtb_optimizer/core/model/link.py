"""Defines the link between a row's product of factors and its expected outcomes: log or logit.

Rare events and money use the log link, `rate = base x factors`. A share that is not rare, such as viewability, could
exceed 1 that way: the logit link multiplies odds, `odds = base odds x factors`, and `rate = odds / (1 + odds)`. Where
the outcome is rare the two agree. The product of base and factors, a rate or odds, is called strength.
"""

from enum import StrEnum
from math import log

import numpy as np

from rtb_optimizer.core.sample.sample import Floats

RARE_BELOW = 0.05
"""Below this outcome rate the two links differ by less than shrinkage does, and the log link is the cheaper."""
NEWTON_STEPS, MAX_STEP, SETTLED = 12, 5.0, 1e-9
MIN_SLOPE = 1e-12


class Link(StrEnum):
    """The link function: factors multiply rates (`log`) or odds (`odds`, the logit link)."""

    LOG = "log"
    LOGIT = "odds"


def link_of(configured: str, outcome: float, exposure: float, *, is_money: bool) -> Link:
    """Return the link as configured (`log`, `odds`), or for `auto` the link that suits the outcome."""
    if configured != "auto":
        return Link(configured)
    rare = exposure <= 0 or outcome < RARE_BELOW * exposure
    return Link.LOG if is_money or rare else Link.LOGIT


def rate_of(strength: Floats, link: Link) -> Floats:
    """Return outcomes per exposure of rows whose base and factors multiply to `strength` (n floats)."""
    return strength if link is Link.LOG else strength / (1 + strength)


def strength_of(rate: float, link: Link) -> float:
    """Return a rate on the scale on which factors multiply; the odds of a rate of 1 are kept finite."""
    return rate if link is Link.LOG else rate / max(1 - rate, 1e-9)


def rate_ratio(factor: Floats, share: Floats, link: Link) -> Floats:
    """Return the factor by which a term multiplies the rate of rows whose outcome rate without it is `share`."""
    return factor if link is Link.LOG else factor / (1 + share * (factor - 1))


def rescaled_to_total(strength: Floats, exposure: Floats, outcome: float, link: Link) -> Floats:
    """Return the strengths times the one scale at which they expect `outcome` outcomes in total (n floats)."""
    if link is Link.LOG:
        total = float((strength * exposure).sum())
        return strength * (outcome / total) if total > 0 else strength
    return strength * float(scale_to_totals(strength[None], exposure[None], np.array([outcome]))[0])


def scale_to_totals(odds: Floats, exposure: Floats, totals: Floats) -> Floats:
    """Return the scale of each row's odds (F x V) at which its exposures expect its total of outcomes (F floats).

    By Newton's method on the log odds of the expected total against the log of the scale, a line of slope 1 where all
    odds are alike. Steps are bounded: totals of 0, or of all exposures, have no such scale.
    """
    log_scale, available = np.zeros(len(totals)), np.maximum(exposure.sum(axis=1), MIN_SLOPE)
    aim = _log_odds(totals, available)
    for _ in range(NEWTON_STEPS):
        strength = odds * np.exp(log_scale)[:, None]
        share = strength / (1 + strength)
        expected = exposure * share
        slope = np.maximum(np.einsum("fv,fv->f", expected, 1 - share), MIN_SLOPE)
        total = expected.sum(axis=1)
        step = (aim - _log_odds(total, available)) * total * (available - total) / (available * slope)
        step = np.clip(step, -MAX_STEP, MAX_STEP)
        log_scale += step
        if float(np.abs(step).max(initial=0.0)) < SETTLED:
            break
    return np.exp(log_scale)


def _log_odds(part: Floats, whole: Floats) -> Floats:
    odds: Floats = np.log(np.maximum(part, MIN_SLOPE) / np.maximum(whole - part, MIN_SLOPE))
    return odds


def baseline_deviance(outcome: float, exposure: float, link: Link) -> float:
    """Return the negative log-likelihood of a constant rate, in nats.

    Poisson, K (1 + ln(N / K)) for K outcomes in N exposures, or binomial, N times the entropy of K / N: for rare
    outcomes they agree. More events than exposures, as money has that every exposure earns, count as one an exposure:
    the scale of scores is never below K.
    """
    k, n = outcome, exposure
    if k <= 0:
        return 0.0
    if link is Link.LOG:
        return k * (1.0 + max(log(n / k), 0.0))
    return k * log(n / k) + ((n - k) * log(n / (n - k)) if k < n else 0.0)
