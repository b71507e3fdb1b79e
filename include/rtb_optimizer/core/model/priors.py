"""Defines what the factors of a feature shrink to: 1, or what other entities know of its values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_ratio
from rtb_optimizer.core.model.pooling import PooledFeature
from rtb_optimizer.core.sample.sample import Feature, Floats, Sample

TINY = 1e-9
LEAST_WITHOUT = 0.01
"""Below this share without an outcome, odds are too uncertain for a prior to be counted in outcomes."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Observed outcomes and exposures of each value of a feature."""

    outcome: Floats
    exposure: Floats


@dataclass(frozen=True, slots=True)
class Prior:
    """What the factors of a feature shrink to (`centre`), and how strongly, in expected outcomes: by value, or one."""

    strength: Floats | float
    centre: Floats | float = 1.0

    @classmethod
    def of(cls, pooled: PooledFeature, own: float, feature: Feature, rate: float, link: Link) -> "Prior":
        """Return the prior of a feature's values, from what other entities know and the outcomes per exposure here.

        Values that they do not know shrink to 1 by the feature's `own` prior. A prior of m outcomes has a precision of
        m, on the logit scale of m times the share without an outcome.
        """
        centres = [pooled.centres.get(value) for value in feature.values]
        scale = 1 / max(1 - rate, LEAST_WITHOUT) if link is Link.LOGIT else 1.0
        strength = np.array([each.precision * scale if each else own for each in centres])
        return cls(strength, np.array([each.factor if each else 1.0 for each in centres]))


def prior_of(name: str, prior: float, sample: Sample, link: Link, pooled: Mapping[str, PooledFeature]) -> float | Prior:
    """Return what the factors of a term shrink to: 1, by its own prior, or what other entities know."""
    if name not in pooled:
        return prior
    rate = float(sample.outcome.sum() / sample.exposure.sum())
    return Prior.of(pooled[name], prior, sample.features[name], rate, link)


def expected_with(expected: Floats, exposure: Floats, factor: Floats | float, link: Link) -> Floats:
    """Return expected outcomes once a factor multiplies the strength of the rows."""
    return expected * rate_ratio(np.asarray(factor), expected / np.maximum(exposure, TINY), link)


def aligned(centre: Floats | float, sums: Sums, expected: Floats, link: Link) -> Floats | float:
    """Return what factors shrink to, on the entity's own reference: as many outcomes are expected as are observed.

    Factors are relative to the other rows of their entity, and each has another mix of values: factors of some
    values are no evidence of the rate of all of them together.
    """
    if isinstance(centre, float):
        return centre
    known = centre != 1.0
    e = float(expected_with(expected, sums.exposure, centre, link)[known].sum())
    k, n = float(sums.outcome[known].sum()), float(sums.exposure[known].sum())
    level = (k + 1) / (e + 1)
    if link is Link.LOGIT:
        level *= (max(n - e, 0.0) + 1) / (max(n - k, 0.0) + 1)
    return np.where(known, centre * level, 1.0)
