"""Decides by the lift about a policy: watched, harmful, better or worse, with reasons.

A holdback is there to stop harm: each side of its interval errs with at most 5 % over all looks. A challenger is both
promoted and dropped by the interval: both sides together err with at most 5 %.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from rtb_optimizer.core.realized.lift import Lift, nights_until

ERROR = 0.05
NOTABLE = 0.1


class Against(StrEnum):
    """What the treated arm is compared with."""

    HOLDBACK = "holdback"
    """The policy's tables with bids of 1."""
    ACTIVE = "active"
    """A challenger with the policy that is active."""

    @property
    def alpha(self) -> float:
        """The error of both sides of the interval that decides."""
        return 2 * ERROR if self is Against.HOLDBACK else ERROR


class Standing(StrEnum):
    """The verdict on a policy."""

    WATCHING = "watching"
    HARMFUL = "harmful"
    """Against a holdback: to stand down."""
    BETTER = "better"
    """A challenger is to be promoted; against a holdback it needs nothing."""
    WORSE = "worse"
    """A challenger is to be dropped."""


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """A standing with its reasons as text.

    `known_by` is the night of the policy, counted from 1, by which a notable lift is known, while it is watched; None
    where that is out of sight.
    """

    standing: Standing
    reasons: tuple[str, ...]
    known_by: int | None = None


def verdict_on(lift: Lift, against: Against, *, harm_limit: float = 0.0, notable: float = NOTABLE) -> PolicyVerdict:
    """Return the verdict of the lift on a policy, valid at any look.

    Args:
        lift: The lift over all nights of the policy, with an alpha that is at most that of `against`.
        against: What the treated arm is compared with.
        harm_limit: The loss that is tolerated: harm, or a worse challenger, is a lift that is surely below it.
        notable: The size of a lift that a person waits for, for when it is known.
    """
    if lift.alpha > against.alpha:
        raise ValueError(f"an interval of {1 - lift.alpha:.0%} does not decide, {1 - against.alpha:.0%} is needed")
    if lift.nights == 0:
        return PolicyVerdict(Standing.WATCHING, ("no night yet on which both arms spent",))
    if not lift.is_known:
        return PolicyVerdict(Standing.WATCHING, (_too_few(lift, against),), nights_until(lift, -notable))
    if lift.high < -harm_limit:
        standing = Standing.HARMFUL if against is Against.HOLDBACK else Standing.WORSE
        return PolicyVerdict(standing, (_figures(lift, against),))
    if lift.low > 0:
        return PolicyVerdict(Standing.BETTER, (_figures(lift, against),))
    known_by = nights_until(lift, -notable)
    reasons = [_figures(lift, against), _outlook(lift, notable, known_by)]
    if lift.high < 0:
        reasons.insert(1, f"below, but not surely by more than the {harm_limit:.0%} that harm_limit tolerates")
    return PolicyVerdict(Standing.WATCHING, tuple(reasons), known_by)


def _figures(lift: Lift, against: Against) -> str:
    upper = f"to {lift.high:+.1%}" if isfinite(lift.high) else "or more"
    bounds = f"{1 - lift.alpha:.0%} interval {lift.low:+.1%} {upper}"
    if not isfinite(lift.estimate):
        return f"no results in the {_control(against)} over {_nights(lift.nights)}, {bounds}"
    size = f"{abs(lift.estimate):.1%} {'below' if lift.estimate < 0 else 'above'}"
    return f"results per spend {size} the {_control(against)}'s over {_nights(lift.nights)}, {bounds}"


def _outlook(lift: Lift, notable: float, known_by: int | None) -> str:
    if known_by is None:
        return f"a difference of {notable:.0%} is out of sight with so few outcomes"
    if known_by <= lift.nights:
        return f"a difference of {notable:.0%} would probably have shown by now"
    present = nights_until(lift, lift.estimate) if isfinite(lift.estimate) else None
    also = "" if present is None else f", the present one by about night {max(present, lift.nights + 1)}"
    return f"a difference of {notable:.0%} will be known by about night {known_by}{also}"


def _too_few(lift: Lift, against: Against) -> str:
    return (
        f"{lift.treated:,.0f} outcomes in the treated arm and {lift.control:,.0f} in the {_control(against)} over "
        f"{_nights(lift.nights)} are too few for an interval"
    )


def _control(against: Against) -> str:
    return "holdback" if against is Against.HOLDBACK else "active policy"


def _nights(nights: int) -> str:
    return f"{nights} night" if nights == 1 else f"{nights} nights"
