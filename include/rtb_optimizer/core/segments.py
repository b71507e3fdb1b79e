"""Which rows does the master table have, and what do they say?

A row is a pattern over the ordered features: one value given (`*|mobile|*`), those of an interaction
(`*|mobile|300x250`), or none: the default. A bid's multiplier is the default row's times that of every row that
matches, clipped.
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
from rtb_optimizer.core.values import UNEXPANDED, segment_key, split_key


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact statistics of some rows of the logs; `value` and `cost` in the currency of the logs."""

    rows: int
    exposure: float
    outcome: float
    value: float
    cost: float


NO_ROWS = Counts(0, 0, 0, 0, 0)


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
    interactions: Mapping[str, Sequence[str]] | None = None,
) -> list[Segment]:
    """Build the master table: the default row, factor rows by feature order and falling exposure, interactions last.

    Args:
        model: Whose factors become rows.
        sample: What the model was fitted on; it weighs bids by spend.
        exact: By factor and value, the statistics of all rows of the window.
        totals: The statistics of the window.
        rules: How many rows, and how bids are bounded.
        interactions: The features of those factors of the model that are an interaction, by the factor's name.
    """
    terms = {name: (name,) for name in model.factors} | {n: tuple(f) for n, f in (interactions or {}).items()}
    features = [name for name, parts in terms.items() if parts == (name,)]
    kept = _worth_a_row(model, sample, rules)
    bounds = {
        n: factor_intervals(f.outcome, f.expected, f.prior, rules.bids.confidence) for n, f in model.factors.items()
    }
    bids = {n: multipliers(low, high, rules.bids) for n, (low, high) in bounds.items()}
    rows = []
    for name, code in kept:
        factor, value = model.factors[name], sample.features[name].values[code]
        row = Segment(
            pattern=_pattern(features, terms[name], value),
            counts=exact[name].get(value, NO_ROWS),
            expected=float(factor.expected[code]),
            factor=float(factor.theta[code]),
            factor_low=float(bounds[name][0][code]),
            factor_high=float(bounds[name][1][code]),
            tier=tier(float(factor.outcome[code])),
            multiplier=float(bids[name][code]),
        )
        rows.append(row)
    level = spend_neutral_level(_served_product(sample, kept, bids), sample.spend, rules.bids)
    return [_default(features, totals, level, model), *sorted(rows, key=_reading_order)]


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


def _served_product(sample: Sample, kept: Sequence[tuple[str, int]], bids: Mapping[str, Floats]) -> Floats:
    """Return each sampled row's product of multipliers, as a reader of the pruned table would compute it."""
    published = {name: np.ones(len(bid)) for name, bid in bids.items()}
    for name, code in kept:
        published[name][code] = bids[name][code]
    product = np.ones(len(sample.exposure))
    for name, bid in published.items():
        product *= bid[sample.features[name].codes]
    return product


def _pattern(features: Sequence[str], term: Sequence[str], value: str) -> tuple[str | None, ...]:
    given = dict(zip(term, split_key(value) if len(term) > 1 else [value], strict=True))
    return tuple(given.get(name) for name in features)


def _reading_order(segment: Segment) -> tuple[int, list[int], float, str]:
    given = [n for n, part in enumerate(segment.pattern) if part is not None]
    return len(given), given, -segment.counts.exposure, segment_key(segment.pattern)


def _default(features: Sequence[str], totals: Counts, level: float, model: FactorModel) -> Segment:
    expected = model.base * totals.exposure
    return Segment((None,) * len(features), totals, expected, 1.0, 1.0, 1.0, tier(totals.outcome), level)
