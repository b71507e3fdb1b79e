"""Replays logged second-price auctions under multipliers of the bid: the outcomes that a budget would have bought.

A policy bids base x multiplier in each auction, wins where that reaches the logged price, and pays the price. All
policies get the same budget, a share of what the log cost, and each its own base: the one that spends the budget.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
FLAT = "flat"
"""The policy that bids the same for everything: the others are reported relative to it."""


@dataclass(frozen=True, slots=True)
class Auctions:
    """Won auctions as logged: the price paid and the outcomes. With `bid`, a multiplier scales the logged bid.

    With `weight`, an auction stands for so many at its price; its outcomes are those of all of them.
    """

    price: Floats
    outcomes: Floats
    bid: Floats | None = None
    weight: Floats | None = None

    @property
    def cost(self) -> Floats:
        """What winning each costs (n floats)."""
        return self.price if self.weight is None else self.price * self.weight


@dataclass(frozen=True, slots=True)
class Bought:
    """What a policy got for a share of the log's cost; `over_flat` is in outcomes, 1 where it is as good."""

    share: float
    policy: str
    base: float
    spend: float
    won: float
    outcomes: float
    over_flat: float


def policies(table: Floats, predicted: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return multipliers by policy: one for all, the master table's, and the peers' predicted rates over their mean."""
    proportional = {name: rates / rates.mean() for name, rates in predicted.items()}
    return {FLAT: np.ones(len(table)), "table": table, **proportional}


def replayed(
    auctions: Auctions, multipliers: Mapping[str, Floats], shares: Sequence[float] = SHARES
) -> Iterator[Bought]:
    """Yield what each policy buys with each budget, the flat one first."""
    budgets = np.array(shares) * auctions.cost.sum()
    flat = _bought(auctions, np.ones(len(auctions.price)), budgets)[-1]
    by_policy = {name: _bought(auctions, of, budgets) for name, of in multipliers.items()}
    for n, share in enumerate(shares):
        for name, of in by_policy.items():
            base, spend, won, outcomes = (float(column[n]) for column in of)
            over_flat = outcomes / float(flat[n]) if flat[n] else float("nan")
            yield Bought(share, name, base, spend, won, outcomes, over_flat)


def _bought(auctions: Auctions, multipliers: Floats, budgets: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return by budget the base that spends it, the spend, the auctions won and their outcomes.

    An auction is won from the base price / multiplier on. In the order of that base, what a base buys is a running
    sum, so the base is looked up exactly where bisection would close in on it. Auctions won at one base come
    together; of those at the edge of the budget a share is won, as a pacer would let pass a share of them.
    """
    scale = multipliers if auctions.bid is None else multipliers * auctions.bid
    needed = np.divide(auctions.price, scale, out=np.full(len(scale), np.inf), where=scale > 0)
    bases, group = np.unique(needed, return_inverse=True)
    spend, won, outcomes = (
        np.concatenate([[0.0], np.cumsum(np.bincount(group, of))])
        for of in (
            auctions.cost,
            np.ones(len(scale)) if auctions.weight is None else auctions.weight,
            auctions.outcomes,
        )
    )
    if np.isinf(bases[-1]):  # no base wins what has no multiplier
        bases, spend, won, outcomes = bases[:-1], spend[:-1], won[:-1], outcomes[:-1]
    affordable = np.minimum(budgets, spend[-1])
    edge = np.searchsorted(spend[1:], affordable * (1 - 1e-12)).clip(0, len(bases) - 1)
    return bases[edge], affordable, np.interp(affordable, spend, won), np.interp(affordable, spend, outcomes)


def table(results: Sequence[Bought]) -> str:
    """Return what was bought as a table in Markdown."""
    lines = ["| Budget | Policy | Base | Spend | Won | Outcomes | Over flat |"]
    lines += ["| ---: | --- | ---: | ---: | ---: | ---: | ---: |"]
    for b in results:
        amounts = f"{b.base:.4g} | {b.spend:.4g} | {b.won:.0f} | {b.outcomes:.1f} | {b.over_flat:.3f}"
        lines.append(f"| {b.share:.4g} | {b.policy} | {amounts} |")
    return "\n".join(lines)
