"""Estimates the lift of results per spend, treated over control, with an interval that holds at every look.

The interval is a confidence sequence: with probability 1 - alpha it covers the lift after every night at once, so that
it may be looked at nightly. Its boundary is that of a normal mixture (Robbins 1970; for estimated variances
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021), here with quantiles of Student's t for the normal's, as the
variance has few degrees of freedom at first. A lift is in the interval where the estimating function at that lift is
within the boundary: as a test of that lift (a score interval), which also holds for few outcomes.

An e-process for binomial splits is exact for independent outcomes and wrong for bunched ones; `confseq` has boundaries,
not the variance, and has to be compiled. What the boundary is fed with decides, and `benchmarks/live_evidence.py`
measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log, log1p

import numpy as np

from rtb_optimizer.core.realized.evidence import CONTROL, TINY, TREATED, DayOfArms, Evidence, Nights, evidence_of
from rtb_optimizer.core.sample.sample import Floats

EXPECTED_LIFT = 0.15
"""Standard deviation of the mixture over the log lift: the interval is narrowest where lifts of this size show."""
MIN_SUPPORT = 5.0
"""Least support of an interval: with less it is wide beyond use. A/A worlds have no more errors without this limit."""
MOST_NIGHTS = 1_000
BUNCHING, RATIO_SD = 1.6, 0.13
"""The variance of outcomes over that of independent ones, and what the ratio of two arms varies by from night to night,
as measured in two campaigns."""
STEPS = 40
LARGEST_EXPONENT = 50.0


@dataclass(frozen=True, slots=True)
class Lift:
    """The lift of results per spend: 0.1 where the treated arm's are a tenth more than the control arm's.

    `low` and `high` cover it at every look with probability `1 - alpha`, `alpha / 2` on each side; they are -1 and
    infinity where there is too little support. `estimate` is not a number without results in the control arm. `nights`
    are those on which both arms spent; `treated` and `control` the outcomes of the arms, of which `1 / dispersion` are
    effective; `support` and `precision`, the inverse of the variance of the log lift, are what has accrued.
    """

    estimate: float
    low: float
    high: float
    alpha: float
    nights: int
    treated: float
    control: float
    dispersion: float
    support: float
    precision: float

    @property
    def is_known(self) -> bool:
        """Whether there is support for an interval."""
        return self.support >= MIN_SUPPORT


def lift_of(days: Sequence[DayOfArms], alpha: float) -> Lift:
    """Return the lift over the days of one policy, of which none are needed; see `Lift` for alpha."""
    if not days:
        return Lift(np.nan, -1.0, np.inf, alpha, 0, 0.0, 0.0, 1.0, 0.0, 0.0)
    evidence = evidence_of(Nights.of(days))
    low, high = intervals(evidence, alpha)
    return Lift(
        estimate=float(estimates(evidence)[0]),
        low=float(low[0]),
        high=float(high[0]),
        alpha=alpha,
        nights=int(evidence.nights[0]),
        treated=float(evidence.outcomes[0, TREATED]),
        control=float(evidence.outcomes[0, CONTROL]),
        dispersion=float(evidence.dispersion[0]),
        support=float(evidence.support[0]),
        precision=float(_precision(evidence)[0]),
    )


def estimates(evidence: Evidence) -> Floats:
    """Return the lift of each policy (n floats), not a number without results in the control arm."""
    known = evidence.control > 0
    return np.where(known, evidence.treated / np.where(known, evidence.control, 1.0) - 1, np.nan)


def intervals(evidence: Evidence, alpha: float) -> tuple[Floats, Floats]:
    """Return the bounds of the lift of each policy (n floats each).

    The ratios theta with `(treated - theta control)^2 <= boundary^2 theta variance` are between two roots.
    """
    squared = _squared_boundary(_precision(evidence), alpha)
    degrees = evidence.degrees
    exponent = squared / degrees * ((8 * degrees + 3) / (8 * degrees + 1)) ** 2
    squared = degrees * np.expm1(np.minimum(exponent, LARGEST_EXPONENT))
    both, half = evidence.treated * evidence.control, squared * evidence.variance / 2
    larger = both + half + np.sqrt(half * (half + 2 * both))
    has_control = evidence.control > 0
    low = evidence.treated**2 / np.maximum(larger, TINY)
    high = np.where(has_control, larger / np.where(has_control, evidence.control, 1.0) ** 2, np.inf)
    known = evidence.support >= MIN_SUPPORT
    return np.where(known, low - 1, -1.0), np.where(known, high - 1, np.inf)


def nights_until(lift: Lift, effect: float) -> int | None:
    """Return about how many nights of a policy in all show a lift of this size, or None where that is out of sight.

    About one in two shows it earlier. Nights to come are taken to be like those so far.
    """
    size = abs(log1p(effect)) if effect > -1 else np.inf
    if not isfinite(size) or size == 0 or lift.precision <= 0:
        return None
    needed = size**-2
    for _ in range(STEPS):
        needed = float(_squared_boundary(np.array([needed]), lift.alpha)[0]) / size**2
    support = MIN_SUPPORT / max(lift.support, TINY)
    nights = ceil(lift.nights * max(needed / lift.precision, support))
    return nights if nights <= MOST_NIGHTS else None


def nights_needed(outcomes_a_night: float, share: float, effect: float, alpha: float) -> int | None:
    """Return about how many nights show a lift of this size with a holdback of that share, before there is one.

    Bunched outcomes count as in the two campaigns of `benchmarks/live_worlds.py`; see `nights_until`.
    """
    if outcomes_a_night <= 0 or not 0 < share < 1:
        return None
    counted = BUNCHING / outcomes_a_night * (1 / share + 1 / (1 - share))
    precision = 1 / (counted + RATIO_SD**2)
    return nights_until(Lift(0.0, -1.0, np.inf, alpha, 1, 0.0, 0.0, BUNCHING, MIN_SUPPORT, precision), effect)


def _precision(evidence: Evidence) -> Floats:
    precision: Floats = evidence.information**2 / np.maximum(evidence.variance, TINY)
    return precision


def _squared_boundary(precision: Floats, alpha: float) -> Floats:
    """Return the square of what the standardized sum stays within at all times with probability 1 - alpha.

    With rho the inverse variance of the mixture it is `(p + rho) / p log((p + rho) / (rho alpha^2))` at a precision p.
    """
    rho = EXPECTED_LIFT**-2
    of = np.maximum(precision, 1e-9)
    squared: Floats = (of + rho) / of * (np.log1p(of / rho) - 2 * log(alpha))
    return squared
