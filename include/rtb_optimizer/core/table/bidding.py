"""Computes bid multipliers from factors and their credible intervals.

A bid follows the factor, a posterior mean: that is shrunk already, and acting on bounds of its interval would shrink it
a second time. The cautious rule is a choice: raised to the lower bound, cut to the upper, left at 1 where the interval
covers 1. It also holds for the factors of a feature whose gain is not significant, since their shrinkage is fitted to
noise. A multiplier moves only so far in one run. The product of a row's multipliers is clipped, and one base multiplier
for all rows keeps total spend unchanged.
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
INTERVAL_MASS = 0.8
"""Mass of the published intervals, and of those that factors without a significant gain act through; or more."""
BID_AGAIN_Z = 3.0
"""Standard errors by which a segment without a bid must be better to be bid on again: many are seen every night."""
LOW_TIER_BELOW, HIGH_TIER_FROM = 10, 100


class Tier(StrEnum):
    """The confidence of a rate, by its positives: 10 give about +-62 %, 100 about +-20 %."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class BidRules:
    """How bids follow from factors.

    `minimum` and `maximum` bound a bid's total multiplier; `confidence` is the mass of the interval whose bounds bids
    act on, 0 for the factor itself; a segment whose upper bound is below `no_bid_below` times its surroundings is not
    bid on; `max_movement` is the largest ratio of a row's multiplier to the active run's; the gain of a joint table's
    residuals is not significant below `min_z` standard errors; a segment of fewer than `no_bid_exposures` is bid on
    whatever its factor.
    """

    minimum: float
    maximum: float
    confidence: float
    no_bid_below: float = 0.0
    max_movement: float = np.inf
    min_z: float = 0.0
    no_bid_exposures: float = 0.0

    @property
    def interval_mass(self) -> float:
        """The mass of the interval that is published with a factor, and that `no_bid` acts on."""
        return max(self.confidence, INTERVAL_MASS)


def tier(outcomes: float) -> Tier:
    """Return the confidence tier of a number of positives."""
    if outcomes < LOW_TIER_BELOW:
        return Tier.LOW
    return Tier.MEDIUM if outcomes < HIGH_TIER_FROM else Tier.HIGH


def factor_intervals(factor: Factor, confidence: float, link: Link = Link.LOG) -> tuple[Floats, Floats]:
    """Return the central credible interval of each factor, its lower and its upper bounds.

    Its posterior is Gamma(k + m, E + m); on the logit scale the ratio of two, of outcomes and of exposures without.
    Quantiles by Wilson and Hilferty (1931), a cube of a normal, and for the ratio by Paulson (1942), which reduces to
    theirs where exposures without an outcome are many. At a confidence of 0.8 both bounds are within 1 % from a shape
    of 2 on; at smaller shapes and larger confidences the low one is too low, which raises less, never more. Where
    nearly every exposure has an outcome, the size of a factor of odds is unknown: its interval is everything.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = 1 / (9 * (factor.outcome + factor.prior))
    spread_without = np.zeros_like(spread)
    if link is Link.LOGIT:
        spread_without = 1 / (9 * np.maximum(factor.exposure - factor.outcome + factor.prior_without, 1e-9))
    variance = (1 - spread_without) ** 2 * spread + (1 - spread) ** 2 * spread_without - z**2 * spread * spread_without
    scale = np.maximum((1 - spread_without) ** 2 - z**2 * spread_without, 1e-9)
    centre, reach = (1 - spread_without) * (1 - spread), z * np.sqrt(np.maximum(variance, 0.0))
    power = 3 * factor.slope
    low: Floats = factor.theta * (np.maximum(centre - reach, 0.0) / scale) ** power
    high: Floats = factor.theta * (np.maximum(centre + reach, 0.0) / scale) ** power
    is_bounded = (1 - spread_without > 0) & ((1 - spread_without) ** 2 > z**2 * spread_without)
    return np.where(is_bounded, low, 0.0), np.where(is_bounded, high, factor.theta * UNBOUNDED)


def rate_intervals(factor: Factor, confidence: float, link: Link = Link.LOG) -> tuple[Floats, Floats]:
    """Return the interval of each factor's effect on the rate of its own rows: what a bid can act on."""
    low, high = factor_intervals(factor, confidence, link)
    share = factor.expected / np.maximum(factor.exposure, 1e-300)
    return rate_ratio(low, share, link), rate_ratio(high, share, link)


def bid_bounds(
    factor: Factor, rules: BidRules, link: Link = Link.LOG, *, significant: Mask | bool = True
) -> tuple[Floats, Floats]:
    """Return what increases and what decreases of bids act on: bounds of each factor's effect on the rate of its rows.

    Without confidence asked for, both are the effect of the factor itself, a posterior mean.

    Args:
        factor: The factors.
        rules: Whose confidence decides.
        link: The scale on which factors multiply.
        significant: Whether the gain of their feature is; the others act through the published interval.
    """
    cautious = rate_intervals(factor, rules.interval_mass, link)
    if rules.confidence > 0:
        own = rate_intervals(factor, rules.confidence, link)
    else:
        own = (rate_ratio(factor.theta, factor.expected / np.maximum(factor.exposure, 1e-300), link),) * 2
    low, high = (np.where(significant, *bounds) for bounds in zip(own, cautious, strict=True))
    return low, high


def multipliers(low: Floats, high: Floats, rules: BidRules, previous: Floats | None = None) -> Floats:
    """Return the multiplier of each factor from its `bid_bounds`, within the rules' bounds and movement limit."""
    wanted = np.where(low > 1, low, np.where(high < 1, high, 1.0))
    bounded = np.clip(wanted, rules.minimum, rules.maximum)
    if previous is None:
        return bounded
    within = np.clip(bounded, previous / rules.max_movement, previous * rules.max_movement)
    bid: Floats = np.clip(within, rules.minimum, rules.maximum)
    return bid


def not_worth_a_bid(factor: Factor, high: Floats, was_left_out: Mask, rules: BidRules) -> Mask:
    """Return which values are so bad that no bid is better than a small one.

    A value is left out where the upper bound of its factor says so and, with a holdback, enough of it will be seen all
    the same. It stays so until what is seen is certainly better: by the lower bound of its own rate (Wilson and
    Hilferty, 1931), since a factor of few exposures is shrunk to 1.

    Args:
        factor: The factors of the values.
        high: The upper bounds of their intervals.
        was_left_out: Which of them the active run did not bid on.
        rules: Below what to leave out.
    """
    k = np.maximum(factor.outcome, 1e-9)
    own = (
        k / np.maximum(factor.expected, 1e-300) * np.maximum(1 - 1 / (9 * k) - BID_AGAIN_Z / (3 * np.sqrt(k)), 0.0) ** 3
    )
    stays = was_left_out & (own < rules.no_bid_below)
    begins = (high < rules.no_bid_below) & (factor.exposure >= rules.no_bid_exposures)
    left_out: Mask = stays | begins
    return left_out


def spend_neutral_level(product: Floats, spend: Floats, rules: BidRules, elasticity: float = 1.0) -> float:
    """Return the base multiplier that keeps spend: sum spend_i clip(base * product_i)^elasticity = sum spend_i.

    Clipping is inside the sum, since rescaling clipped values would break the clip. The sum grows with the base, so
    bisection finds the one solution; where the bounds allow none, the nearest end is returned.

    Args:
        product: The product of the multipliers of each row, 0 where it is not bid on (n floats).
        spend: What each row spends at a multiplier of 1 (n floats).
        rules: Whose bounds clip.
        elasticity: The power of the multiplier that spend follows.
    """
    total, is_bid = spend.sum(), product > 0
    if not is_bid.all():
        product, spend = product[is_bid], spend[is_bid]
    if total <= 0 or len(product) == 0 or elasticity <= 0:
        return 1.0
    total_spend = _Spend(product, spend, rules, elasticity)
    low, high = rules.minimum / product.max(), rules.maximum / product.min()
    for _ in range(BISECTION_STEPS):
        base = float(np.sqrt(low * high))
        low, high = (base, high) if total_spend.at(base) < total else (low, base)
    return float(np.sqrt(low * high))


class _Spend:
    """Total spend as a function of the base multiplier: prefix sums by rising product, for repeated evaluation."""

    def __init__(self, product: Floats, spend: Floats, rules: BidRules, elasticity: float) -> None:
        order = np.argsort(product)
        self._rules, self._elasticity = rules, elasticity
        self._product = product[order]
        self._spend = np.concatenate([[0.0], np.cumsum(spend[order])])
        self._bid = np.concatenate([[0.0], np.cumsum((spend * product**elasticity)[order])])

    def at(self, base: float) -> float:
        """Return sum spend_i clip(base * product_i)^elasticity."""
        rules, power = self._rules, self._elasticity
        below, above = np.searchsorted(self._product, [rules.minimum / base, rules.maximum / base])
        cut, whole = self._spend[below], self._spend[-1] - self._spend[above]
        between = base**power * (self._bid[above] - self._bid[below])
        return float(rules.minimum**power * cut + between + rules.maximum**power * whole)
