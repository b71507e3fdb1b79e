"""Replays logged second-price auctions by other bids: what those would have bought, without an assumption on volume.

A row that was bid B and cost p would be won by any bid from p on, at the same price. What a larger bid than B would
have won beside it the log does not hold. So policies are compared at a budget that all of them spend with bids that
nowhere exceed the logged ones: each is scaled down as a whole, as a pacer would. Where that covers too little, where
prices are not known, or are the bids themselves, nothing is replayed, and why is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Sample

LEAST_KNOWN = 0.95
"""The share of the outcomes whose price has to be known: what is not known may be won by any bid, or by none."""
OWN_PRICE, MOST_AT_OWN_PRICE = 0.999, 0.5
"""A price that is nearly the bid is not a second price; up to such a share of the spend may be floors."""
MIN_OUTCOMES = 100.0
"""Effective outcomes that each policy buys with the budget: the change of fewer is mostly chance."""


@dataclass(frozen=True, slots=True)
class SecondPrice:
    """What policies would have bought with one budget, a share of the logged spend.

    `abstains` is why nothing is replayed, empty where it is. Each policy has its name, outcomes, and their change from
    the first one's.
    """

    abstains: str = ""
    budget_share: float = 0.0
    policies: tuple[Mapping[str, object], ...] = field(default_factory=tuple)


def replayed(sample: Sample, policies: Mapping[str, Floats]) -> SecondPrice | None:
    """Return what bids of policies would have bought of logged auctions; None where prices and bids are not logged.

    Args:
        sample: The rows, with the share of its bid that each cost.
        policies: The multipliers of each row by name, above 0 (n floats each); others are compared with the first.
    """
    if sample.paid_share is None:
        return None
    known = np.isfinite(sample.paid_share)
    of_outcomes = float(sample.outcome[known].sum()) / max(float(sample.outcome.sum()), 1e-300)
    if of_outcomes < LEAST_KNOWN:
        return SecondPrice(f"the price of {1 - of_outcomes:.0%} of the outcomes is not known")
    paid, spend, outcome = sample.paid_share[known], sample.spend[known], sample.outcome[known]
    total = float(spend.sum())
    if total <= 0 or float(spend[paid >= OWN_PRICE].sum()) > MOST_AT_OWN_PRICE * total:
        return SecondPrice("most of the spend was paid at the bid itself: that is no second price")
    bought_at = np.ones(len(known)) if sample.bought is None else sample.bought.bid
    bases = {name: bought_at[known] / of[known] for name, of in policies.items()}
    covered = {name: float(spend[paid * base <= base.min()].sum()) for name, base in bases.items()}
    budget = min(covered.values())
    found = {name: _bought(paid * base, spend, outcome, budget) for name, base in bases.items()}
    first = next(outcomes for outcomes, _ in found.values())
    if min(effective for _, effective in found.values()) < MIN_OUTCOMES:
        return SecondPrice(
            f"bids that nowhere exceed the logged ones would buy {budget / total:.1%} of the logged spend, with "
            "too few outcomes to compare: what larger bids would win, the logs do not hold",
            budget / total,
        )
    rows = ({"name": name, "outcomes": of, "change": of / first - 1} for name, (of, _) in found.items())
    return SecondPrice("", budget / total, tuple(rows))


def _bought(needed: Floats, spend: Floats, outcome: Floats, budget: float) -> tuple[float, float]:
    """Return the outcomes that a budget buys, and their effective number (Kish, 1965).

    A row is won from the scale `needed` on. In its order, what a scale buys is a running sum; of the row at the edge of
    the budget a part is won.
    """
    order = np.argsort(needed, kind="stable")
    reached = np.r_[0.0, np.cumsum(spend[order])]
    won, squares = (np.interp(budget, reached, np.r_[0.0, np.cumsum(of[order])]) for of in (outcome, outcome**2))
    return float(won), float(won**2 / max(squares, 1e-300))
