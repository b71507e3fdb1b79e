"""What should a bid be multiplied by, given what is known of a segment?

A factor is acted on by its interval: raised on the lower bound, cut on the upper, left alone where the interval
covers 1; and it moves only so far in one run. The product of a row's multipliers is clipped, and one level for all
rows keeps the spend what it was.
"""

from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from rtb_optimizer.core.model.fit import Factor
from rtb_optimizer.core.model.link import Link, rate_ratio
from rtb_optimizer.core.sample.sample import Floats, Mask

BISECTION_STEPS = 60
UNBOUNDED = 1e9
LOW_TIER_BELOW, HIGH_TIER_FROM = 10, 100


class Tier(StrEnum):
    """How far a rate can be trusted, by its positives: 10 give about +-62 %, 100 about +-20 %."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class BidRules:
    """How bids follow from factors.

    `minimum` and `maximum` bound a bid's total multiplier; `confidence` is the mass of a factor's interval; a segment
    that is surely worth less than `no_bid_below` times its surroundings is not bid on; `max_movement` is the largest
    ratio of a row's multiplier to the active run's.
    """

    minimum: float
    maximum: float
    confidence: float
    no_bid_below: float = 0.0
    max_movement: float = np.inf


def tier(outcomes: float) -> Tier:
    """Return the confidence tier of that many positives."""
    if outcomes < LOW_TIER_BELOW:
        return Tier.LOW
    return Tier.MEDIUM if outcomes < HIGH_TIER_FROM else Tier.HIGH


def factor_intervals(factor: Factor, confidence: float, link: Link = Link.LOG) -> tuple[Floats, Floats]:
    """Return the central credible interval of each factor.

    Its posterior is Gamma(k + m, E + m); on the odds scale the ratio of two, of outcomes and of exposures without.
    Quantiles by Wilson and Hilferty (1931), a cube of a normal, and for the ratio by Paulson (1942), which is theirs
    where exposures without an outcome are many. At a confidence of 0.8 both bounds are within 1 % from a shape of 2
    on; at smaller shapes and larger confidences the low one is too low, which raises less, never more. Where nearly
    every exposure has an outcome, there is no telling how large a factor of odds may be: its interval is everything.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = 1 / (9 * (factor.outcome + factor.prior))
    wide = np.zeros_like(spread)
    if link is Link.ODDS:
        wide = 1 / (9 * np.maximum(factor.exposure - factor.outcome + factor.prior_without, 1e-9))
    both = (1 - wide) ** 2 * spread + (1 - spread) ** 2 * wide - z**2 * spread * wide
    scale = np.maximum((1 - wide) ** 2 - z**2 * wide, 1e-9)
    centre, reach = (1 - wide) * (1 - spread), z * np.sqrt(np.maximum(both, 0.0))
    power = 3 * factor.slope
    low: Floats = factor.theta * (np.maximum(centre - reach, 0.0) / scale) ** power
    high: Floats = factor.theta * (np.maximum(centre + reach, 0.0) / scale) ** power
    told = (1 - wide > 0) & ((1 - wide) ** 2 > z**2 * wide)
    return np.where(told, low, 0.0), np.where(told, high, factor.theta * UNBOUNDED)


def rate_intervals(factor: Factor, confidence: float, link: Link = Link.LOG) -> tuple[Floats, Floats]:
    """Return the interval of what each factor does to the rate of its own rows: what a bid can act on."""
    low, high = factor_intervals(factor, confidence, link)
    share = factor.expected / np.maximum(factor.exposure, 1e-300)
    return rate_ratio(low, share, link), rate_ratio(high, share, link)


def multipliers(low: Floats, high: Floats, rules: BidRules, previous: Floats | None = None) -> Floats:
    """Return the multiplier of each factor from its interval, within the rules' bounds and reach of the previous."""
    acted = np.where(low > 1, low, np.where(high < 1, high, 1.0))
    bounded = np.clip(acted, rules.minimum, rules.maximum)
    if previous is None:
        return bounded
    within = np.clip(bounded, previous / rules.max_movement, previous * rules.max_movement)
    bid: Floats = np.clip(within, rules.minimum, rules.maximum)
    return bid


def not_worth_a_bid(high: Floats, rules: BidRules) -> Mask:
    """Return which factors are surely so small that no bid is better than a small one."""
    below: Mask = high < rules.no_bid_below
    return below


def spend_neutral_level(product: Floats, spend: Floats, rules: BidRules) -> float:
    """Return the level that keeps spend: sum spend_i clip(level * product_i) = sum spend_i.

    Clipping comes inside, since rescaling what was clipped would break the clip. The sum grows with the level, so
    bisection finds the one solution; where the bounds allow none, the nearest end is returned.
    """
    total = spend.sum()
    if total <= 0 or len(product) == 0:
        return 1.0
    spent = _Spend(product, spend)
    low, high = rules.minimum / product.max(), rules.maximum / product.min()
    for _ in range(BISECTION_STEPS):
        level = float(np.sqrt(low * high))
        low, high = (level, high) if spent.at(level, rules) < total else (low, level)
    return float(np.sqrt(low * high))


class _Spend:
    """What is spent at a level: summed once by rising product, since it is asked sixty times."""

    def __init__(self, product: Floats, spend: Floats) -> None:
        order = np.argsort(product)
        self._product = product[order]
        self._spend = np.concatenate([[0.0], np.cumsum(spend[order])])
        self._bid = np.concatenate([[0.0], np.cumsum((spend * product)[order])])

    def at(self, level: float, rules: BidRules) -> float:
        """Return sum spend_i clip(level * product_i)."""
        below, above = np.searchsorted(self._product, [rules.minimum / level, rules.maximum / level])
        cut, whole = self._spend[below], self._spend[-1] - self._spend[above]
        return float(rules.minimum * cut + level * (self._bid[above] - self._bid[below]) + rules.maximum * whole)
