"""Sums the results of two arms over the nights of a policy, and estimates how much those sums vary by chance.

With w the share of an arm in a night's spend, y its results and theta the ratio of results per spend, treated over
control, the estimating function is the sum over nights of `w_control y_treated - theta w_treated y_control`. Its mean
is 0 whatever the night's own level (Mantel and Haenszel 1959; for rates Greenland and Robins 1985), and for independent
outcomes, given their number, its variance is `theta w_treated w_control (y_treated + y_control)`.

Outcomes are not independent. They come in bunches, which buckets of the hashed id show: by how much they differ within
an arm, night by night, and in their sums over the nights, since ids return. And the ratio differs between nights, which
is assumed at first and then measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Mask

TREATED, CONTROL = 0, 1
NIGHT_DEVIATION = 0.15
"""Assumed standard deviation of the log ratio between nights, beyond chance; two real campaigns have 0.13 and 0.12."""
NIGHT_WEIGHT = 4.0
"""The nights that this assumption is worth."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class ArmDay:
    """What one arm had on one day, by bucket of the hashed id (B floats each, B at least 2, none negative).

    `result` is what is to be won, outcomes or their value; `spend` the cost, or exposures where there is no cost;
    `outcomes` their number, equal to `result` where outcomes are what is to be won.
    """

    result: Floats
    spend: Floats
    outcomes: Floats


@dataclass(frozen=True, slots=True)
class DayOfArms:
    """Both arms of one day."""

    treated: ArmDay
    control: ArmDay


@dataclass(frozen=True, slots=True)
class Nights:
    """The days of n policies: results, spend and outcomes (n x days x 2 arms x B floats each), treated first."""

    result: Floats
    spend: Floats
    outcomes: Floats

    @classmethod
    def of(cls, days: Sequence[DayOfArms]) -> "Nights":
        """Return the days of one policy."""
        arms = [[day.treated, day.control] for day in days]
        return cls(
            np.array([[[arm.result for arm in both] for both in arms]], dtype=float),
            np.array([[[arm.spend for arm in both] for both in arms]], dtype=float),
            np.array([[[arm.outcomes for arm in both] for both in arms]], dtype=float),
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the nights of n policies add up to (n floats each).

    `treated - theta * control` is the estimating function at a ratio theta, and `theta * variance` its variance, with
    `degrees` of freedom (Satterthwaite 1946); `information` is its slope in log theta where theta is 1. `dispersion` is
    the variance of outcomes over that of independent ones. `support` is about the number of independent outcomes that
    would tell as much in the smaller arm if the other had all others. `outcomes` are those of each arm (n x 2),
    `nights` the days on which both arms spent.
    """

    treated: Floats
    control: Floats
    information: Floats
    variance: Floats
    degrees: Floats
    dispersion: Floats
    support: Floats
    outcomes: Floats
    nights: Floats


def evidence_of(nights: Nights) -> Evidence:
    """Return the evidence of the nights of each policy; a day on which one arm spent nothing is left out."""
    s = nights.spend.sum(axis=-1)
    compared = (s > 0).all(axis=-1)
    y, k = (of.sum(axis=-1) * compared[..., None] for of in (nights.result, nights.outcomes))
    share = s * compared[..., None] / np.maximum(s.sum(axis=-1, keepdims=True), TINY)
    won, split = share[..., ::-1] * y, share.prod(axis=-1)
    treated, control = won.sum(axis=1).T
    fitted = (treated > 0) & (control > 0)
    theta = np.where(fitted, treated / np.maximum(control, TINY), 1.0)
    independent = y**2 / np.maximum(k, 1.0)
    weight = np.stack([np.ones_like(theta), theta], axis=-1)[:, None] * share[..., ::-1]
    dispersion, degrees = _dispersion(nights, weight, y / np.where(s > 0, s, 1.0), independent)
    within = dispersion[:, None] * split * independent.sum(axis=-1)
    information = split * y.sum(axis=-1)
    deviations = (won[..., TREATED] - theta[:, None] * won[..., CONTROL]) / np.sqrt(theta)[:, None]
    variance, degrees_between = _variance(within, information, deviations, fitted)
    between = 1 - within.sum(axis=1) / np.maximum(variance, TINY)
    degrees = 1 / ((1 - between) ** 2 / degrees + between**2 / degrees_between)
    support = (split * k.sum(axis=-1)).sum(axis=1) / dispersion
    return Evidence(
        treated,
        control,
        information.sum(axis=1),
        variance,
        degrees,
        dispersion,
        support,
        k.sum(axis=1),
        compared.sum(axis=1).astype(float),
    )


def _variance(within: Floats, information: Floats, deviations: Floats, fitted: Mask) -> tuple[Floats, Floats]:
    """Return the variance of the summed deviations and its degrees of freedom, as far as the nights differ (n each).

    Expected are the variance within the nights (n x days) and the assumed one of the ratio between them. The observed
    squares over the expected ones, with the assumption as so many more nights, correct it in both directions, not below
    the variance within. Nights count by their size: two large ones among small ones show what two nights do.
    """
    each = within + (NIGHT_DEVIATION * information) ** 2
    expected = each.sum(axis=1)
    effective = expected**2 / np.maximum((each**2).sum(axis=1), TINY)
    freedom = np.maximum(effective - 1, 0.0) * fitted
    observed = (deviations**2).sum(axis=1) * (freedom + 1) / np.maximum(freedom, 1.0)
    ratio = observed / np.maximum(expected, TINY)
    corrected = expected * (NIGHT_WEIGHT + freedom * ratio) / (NIGHT_WEIGHT + freedom)
    return np.maximum(within.sum(axis=1), corrected), NIGHT_WEIGHT + freedom


def _dispersion(nights: Nights, weight: Floats, rate: Floats, independent: Floats) -> tuple[Floats, Floats]:
    """Return the variance of outcomes over that of independent ones, at least 1, and its degrees of freedom (n each).

    The residuals of an arm's buckets around its results per spend are summed night by night, and over the nights,
    where ids that return add up; those have few degrees of freedom, and count from one standard error on. Arms are
    weighted by what they contribute, or equally where that is more: the small arm, which contributes nearly all,
    shows little of its own bunches.
    """
    buckets, days = nights.result.shape[-1], nights.result.shape[1]
    residual = (nights.result - rate[..., None] * nights.spend) * weight[..., None]
    expected = (weight**2 * independent).sum(axis=1)
    scale = buckets / (buckets - 1)
    by_night = _pooled(scale * (residual**2).sum(axis=(1, 3)), expected)
    of_sums = _pooled(scale * (residual.sum(axis=1) ** 2).sum(axis=-1), expected)
    freedom_of_sums = 2.0 * (buckets - 1)
    of_sums /= 1 + np.sqrt(2 / freedom_of_sums)
    floor = np.maximum(by_night, 1.0)
    degrees = np.where(of_sums > floor, freedom_of_sums, float((buckets - 1) * days))
    return np.maximum(floor, of_sums), degrees


def _pooled(observed: Floats, expected: Floats) -> Floats:
    """Return the larger of two means over arms of observed over expected variance (each n x 2)."""
    known = expected > 0
    each = np.where(known, observed / np.maximum(expected, TINY), 0.0)
    equally = each.sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    larger: Floats = np.maximum(equally, observed.sum(axis=-1) / np.maximum(expected.sum(axis=-1), TINY))
    return larger
