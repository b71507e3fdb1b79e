"""Which values are worth a row of the master table? Those that say the most beyond what the others say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.bidding import BidRules
from rtb_optimizer.core.model import Factor, FactorModel
from rtb_optimizer.core.sample import Floats, Ints, Sample


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
