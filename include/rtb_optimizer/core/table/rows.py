"""Which values get a row of the master table? Those that say the most beyond what the others say.

A row of the active run that is not worth its place any more would leave its bids at 1 from one night to the next. It
stays until its multiplier has come within one run's movement of 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.model.fit import Factor, FactorModel
from rtb_optimizer.core.sample.crossing import parts_of
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.bidding import BidRules, factor_intervals, not_worth_a_bid

Pattern = frozenset[tuple[str, str]]
"""The (feature, value) pairs that a row gives: the same in tables whose features stand in another order."""


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """`dead_band` is how far from 1 a factor says nothing; `max_segments` counts the default row too.

    No row is published about fewer than `min_exposures`.
    """

    max_segments: int
    dead_band: float
    bids: BidRules
    min_exposures: float = 0.0


def worth_a_row(
    model: FactorModel, sample: Sample, rules: SegmentRules, first: Mapping[str, Ints] | None = None
) -> dict[str, Ints]:
    """Return, by factor, the codes that get a row: those that say the most, as expected deviance E (t ln t - t + 1).

    Those in `first` get one whatever they say, if only they have the exposures.
    """
    owners, codes, weights = [], [], [np.zeros(0)]
    for n, (name, factor) in enumerate(model.factors.items()):
        says = np.abs(factor.theta - 1) >= rules.dead_band
        says[sample.features[name].barred] = False
        weight = said(factor)
        if first is not None:
            says[first[name]], weight[first[name]] = True, np.inf
        says &= factor.exposure >= rules.min_exposures
        codes.append(np.flatnonzero(says))
        owners.append(np.full(len(codes[-1]), n))
        weights.append(weight[codes[-1]])
    best = np.sort(np.argsort(-np.concatenate(weights), kind="stable")[: rules.max_segments - 1])
    owner, code = (np.concatenate([np.zeros(0, np.int64), *part])[best] for part in (owners, codes))
    return {name: code[owner == n] for n, name in enumerate(model.factors)}


def published(model: FactorModel, kept: Mapping[str, Ints]) -> FactorModel:
    """Return the model as the table tells it: a value without a row has factor 1."""
    factors = {}
    for name, factor in model.factors.items():
        theta = np.ones(len(factor.theta))
        theta[kept[name]] = factor.theta[kept[name]]
        factors[name] = replace(factor, theta=theta)
    return replace(model, factors=factors)


def said(factor: Factor) -> Floats:
    """Return the expected deviance by which values compete for rows: E (t ln t - t + 1)."""
    theta = factor.theta
    return factor.expected * (theta * np.log(theta) - theta + 1)


def rows_of(
    model: FactorModel, sample: Sample, rules: SegmentRules, previous: Mapping[Pattern, float] | None
) -> dict[str, Ints]:
    """Return, by factor, the codes that get a row: those worth one, and those that are still on their way to 1."""
    moving = still_moving(model, sample, previous or {}, rules.bids.max_movement)
    return worth_a_row(model, sample, rules, moving)


def still_moving(
    model: FactorModel, sample: Sample, previous: Mapping[Pattern, float], max_movement: float
) -> dict[str, Ints]:
    """Return, by factor, the codes whose previous multiplier is more than a factor of `max_movement` from 1.

    What the model has no factor for, or the logs no row of, cannot be moved by a row.
    """
    far = {pattern: m for pattern, m in previous.items() if not 1 / max_movement <= m <= max_movement}
    moving = {}
    for name in model.factors:
        feature = sample.features[name]
        parts = parts_of(name, feature)
        given = [dict(pattern) for pattern in far if {feature_name for feature_name, _ in pattern} == set(parts)]
        keys = {g[name] if len(parts) == 1 else segment_key(g[part] for part in parts) for g in given}
        codes = [code for code, value in enumerate(feature.values) if value in keys] if keys else []
        moving[name] = np.setdiff1d(np.array(codes, dtype=np.int64), feature.barred)
    return moving


def without_bid(model: FactorModel, kept: Mapping[str, Ints], sample: Sample, bids: BidRules) -> Mask:
    """Return which rows of a sample match a row that is not bid on (n booleans); `kept` are the codes with a row."""
    found = np.zeros(len(sample.exposure), dtype=bool)
    for name, codes in kept.items():
        _, high = factor_intervals(model.factors[name], bids.confidence, model.link)
        flagged = np.zeros(len(high), dtype=bool)
        flagged[codes] = not_worth_a_bid(high[codes], bids)
        found |= flagged.take(sample.features[name].codes)
    return found
