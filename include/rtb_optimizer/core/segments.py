"""Which rows does the master table have, and what do they say?

A row is a pattern over the ordered features with one value given (`*|mobile|*`), or none: the default. A bid's
multiplier is the default row's times that of every row that matches, clipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.bidding import (
    BidRules,
    Tier,
    factor_intervals,
    multipliers,
    spend_neutral_level,
    tier,
)
from rtb_optimizer.core.model import Factor, FactorModel
from rtb_optimizer.core.sample import Floats, Sample
from rtb_optimizer.core.values import UNEXPANDED


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact statistics of some rows of the logs; `value` and `cost` in the currency of the logs."""

    rows: int
    exposure: float
    outcome: float
    value: float
    cost: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the master table. `factor` predicts outcomes, `multiplier` is what to do about it."""

    pattern: tuple[str | None, ...]
    counts: Counts
    expected: float
    factor: float
    factor_low: float
    factor_high: float
    tier: Tier
    multiplier: float

    @property
    def is_default(self) -> bool:
        """Whether this is the row that matches everything."""
        return all(part is None for part in self.pattern)


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """`dead_band` is how far from 1 a factor says nothing; `max_segments` counts the default row too."""

    max_segments: int
    dead_band: float
    bids: BidRules


def build_segments(
    model: FactorModel,
    sample: Sample,
    exact: Mapping[str, Mapping[str, Counts]],
    totals: Counts,
    rules: SegmentRules,
) -> list[Segment]:
    """Build the master table: the default row, then factor rows by feature order and falling exposure.

    `exact` holds, by feature and canonical value, the statistics of all rows of the window.
    """
    names = list(model.factors)
    bounds = {
        n: factor_intervals(f.outcome, f.expected, f.prior, rules.bids.confidence) for n, f in model.factors.items()
    }
    bids = {n: multipliers(low, high, rules.bids) for n, (low, high) in bounds.items()}
    kept = _worth_a_row(model, sample, rules)
    rows = [
        Segment(
            pattern=_pattern(names, name, sample.features[name].values[v]),
            counts=exact[name].get(sample.features[name].values[v], Counts(0, 0, 0, 0, 0)),
            expected=float(model.factors[name].expected[v]),
            factor=float(model.factors[name].theta[v]),
            factor_low=float(bounds[name][0][v]),
            factor_high=float(bounds[name][1][v]),
            tier=tier(float(model.factors[name].outcome[v])),
            multiplier=float(bids[name][v]),
        )
        for name, v in kept
    ]
    order = {name: n for n, name in enumerate(names)}
    rows.sort(key=lambda s: (_depth(s, order), -s.counts.exposure, s.pattern[_depth(s, order)] or ""))
    served = _served_product(sample, names, kept, bids)
    level = spend_neutral_level(served, sample.spend, rules.bids)
    return [_default(names, totals, level, model), *rows]


def _worth_a_row(model: FactorModel, sample: Sample, rules: SegmentRules) -> list[tuple[str, int]]:
    """Return (feature, value code) of the cells that say the most: expected deviance E (t ln t - t + 1)."""
    cells = [
        (float(weight), name, code)
        for name, factor in model.factors.items()
        for code, weight in enumerate(_said(factor))
        if abs(factor.theta[code] - 1) >= rules.dead_band and sample.features[name].values[code] != UNEXPANDED
    ]
    cells.sort(key=lambda cell: (-cell[0], cell[1], sample.features[cell[1]].values[cell[2]]))
    return [(name, code) for _, name, code in cells[: rules.max_segments - 1]]


def _said(factor: Factor) -> Floats:
    theta = factor.theta
    return factor.expected * (theta * np.log(theta) - theta + 1)


def _served_product(
    sample: Sample, names: Sequence[str], kept: Sequence[tuple[str, int]], bids: Mapping[str, Floats]
) -> Floats:
    """Return each sampled row's product of multipliers, as a reader of the pruned table would compute it."""
    product = np.ones(len(sample.exposure))
    for name in names:
        published = np.ones(len(sample.features[name].values))
        for feature, code in kept:
            if feature == name:
                published[code] = bids[name][code]
        product *= published[sample.features[name].codes]
    return product


def _pattern(names: Sequence[str], name: str, value: str) -> tuple[str | None, ...]:
    return tuple(value if n == name else None for n in names)


def _depth(segment: Segment, order: Mapping[str, int]) -> int:
    return next((n for n in order.values() if segment.pattern[n] is not None), 0)


def _default(names: Sequence[str], totals: Counts, level: float, model: FactorModel) -> Segment:
    expected = model.base * totals.exposure
    return Segment((None,) * len(names), totals, expected, 1.0, 1.0, 1.0, tier(totals.outcome), level)
