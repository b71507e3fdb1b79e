"""On which scale do factors multiply? The link between a row's factors and its expected outcomes.

Rare events and money multiply as they are: `rate = base x factors`. A share that is not rare, as viewability, would
run past 1 that way: there the odds multiply, `odds = base odds x factors`, and `rate = odds / (1 + odds)`. Where the
outcome is rare the two agree.
"""

from enum import StrEnum
from math import log

import numpy as np

from rtb_optimizer.core.sample.sample import Floats

RARE_BELOW = 0.05
"""Up to this outcome rate the two links differ by less than shrinkage does, and the plain product is the cheaper."""
LEVEL_STEPS = 60


class Link(StrEnum):
    """What is multiplied: rates (`log`) or odds (`odds`)."""

    LOG = "log"
    ODDS = "odds"


def link_of(asked: str, outcome: float, exposure: float, *, is_money: bool) -> Link:
    """Return the link of an outcome: as `asked` (`log`, `odds`), or by what it is (`auto`)."""
    if asked != "auto":
        return Link(asked)
    rare = exposure <= 0 or outcome < RARE_BELOW * exposure
    return Link.LOG if is_money or rare else Link.ODDS


def rate_of(strength: Floats, link: Link) -> Floats:
    """Return outcomes per exposure of rows whose base and factors multiply to `strength`."""
    return strength if link is Link.LOG else strength / (1 + strength)


def strength_of(rate: float, link: Link) -> float:
    """Return what a rate is on the scale where factors multiply; a share of all is kept finite."""
    return rate if link is Link.LOG else rate / max(1 - rate, 1e-9)


def rate_ratio(factor: Floats, share: Floats, link: Link) -> Floats:
    """Return by how much a factor multiplies the rate of rows whose outcome rate without it is `share`."""
    return factor if link is Link.LOG else factor / (1 + share * (factor - 1))


def levelled(strength: Floats, exposure: Floats, outcome: float, link: Link) -> Floats:
    """Return the strengths times the one level at which they expect just `outcome` outcomes in all."""
    if link is Link.LOG:
        total = float((strength * exposure).sum())
        return strength * (outcome / total) if total > 0 else strength
    low, high = 1e-9, 1e9
    for _ in range(LEVEL_STEPS):
        level = float(np.sqrt(low * high))
        below = float((rate_of(level * strength, link) * exposure).sum()) < outcome
        low, high = (level, high) if below else (low, level)
    return strength * float(np.sqrt(low * high))


def baseline_deviance(outcome: float, exposure: float, link: Link) -> float:
    """Return the negative log-likelihood of a constant rate, in nats.

    Poisson, K (1 + ln(N / K)) for K outcomes in N exposures, or binomial, N times the entropy of K / N: for rare
    outcomes they agree.
    """
    k, n = outcome, exposure
    if k <= 0:
        return 0.0
    if link is Link.LOG:
        return k * (1.0 + log(n / k))
    return k * log(n / k) + ((n - k) * log(n / (n - k)) if k < n else 0.0)
