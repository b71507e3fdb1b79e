"""Pools what other entities know of a feature's values: a third level of empirical Bayes above factors and entities.

The log factor of value v in entity s is `b_s + mu_v + d_sv`: the entity's own reference, what entities share, and how
they differ. `mu_v` has variance `spread` between values, `d_sv` variance `between` entities. Both are estimated by the
method of moments of Paule and Mandel (1982), in the form of DerSimonian and Kacker (2007): the variance at which the
weighted sum of squares is its degrees of freedom. A new entity's factors shrink to `exp(E[mu_v])` with the variance of
prediction `between + Var[mu_v]`: where entities disagree, `spread` is 0 and nothing is pooled. Values that too few
entities know shrink to 1 as before, by the variance that factors of the feature have within an entity.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, sum_by

MIN_ENTITIES = 3
"""No value is pooled that fewer entities know: nobody reads one entity's factor in another's table."""
MIN_SHARED = 0.5
"""A feature whose shared values hold less of the evidence than this is an id of each entity's own."""
MIN_POOLED_Z = 3.0
"""Standard errors by which shared values must differ more than chance lets them."""
MIN_VARIANCE, MAX_VARIANCE = 1e-4, 16.0
TYPICAL_VARIANCE = 0.1
ROUNDS, BISECTIONS = 30, 50
SETTLED = 1e-9


@dataclass(frozen=True, slots=True)
class Known:
    """What one entity knows of the values of one feature: log factors from its own rows, and their variances."""

    values: Sequence[str]
    log_factor: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class Centre:
    """What a value's factors shrink to, and how strongly: the inverse of the variance of its log in a new entity."""

    factor: float
    precision: float


@dataclass(frozen=True, slots=True)
class PooledFeature:
    """What `siblings` entities know of a feature, by value; the variances are those of the module's description."""

    siblings: int
    between: float
    spread: float
    centres: Mapping[str, Centre]


NOTHING_POOLED: Mapping[str, PooledFeature] = {}


def pool(entities: Sequence[Known]) -> PooledFeature | None:
    """Pool what entities know of one feature; None where they share too little, or do not agree."""
    entities = [each for each in entities if len(each.values) > 1]
    if len(entities) < MIN_ENTITIES:
        return None
    cells = _Cells.of(entities)
    shared = cells.where(np.bincount(cells.value)[cells.value] >= MIN_ENTITIES)
    names = np.unique(shared.value)
    if len(names) < 2 or shared.evidence < MIN_SHARED * cells.evidence:  # noqa: PLR2004 - values that may differ
        return None
    degrees = len(shared.y) - len(names) - len(np.unique(shared.entity)) + 1
    between = _variance(shared.residuals, degrees - sqrt(2 * max(degrees, 0)))
    mean, variance = shared.means(between)
    spread = _variance(lambda extra: _about_mean(mean, variance + extra), len(names) - 1)
    beyond_chance = (_about_mean(mean, variance) - (len(names) - 1)) / sqrt(2 * (len(names) - 1))
    if spread <= 0 or beyond_chance < MIN_POOLED_Z:
        return None
    centre = float((mean / (variance + spread)).sum() / (1 / (variance + spread)).sum())
    shrunk = spread / (spread + variance)
    predicted = np.maximum(between + shrunk * variance, MIN_VARIANCE)
    centres = {
        cells.names[place]: Centre(exp(float(log)), 1 / float(of))
        for place, log, of in zip(names, shrunk * (mean - centre), predicted, strict=True)
    }
    return PooledFeature(len(entities), between, spread, centres)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The log factors of all entities, one cell for each value that an entity knows."""

    y: Floats
    variance: Floats
    entity: Ints
    value: Ints
    names: Sequence[str]

    @classmethod
    def of(cls, entities: Sequence[Known]) -> "_Cells":
        names = sorted({value for each in entities for value in each.values})
        place = {name: n for n, name in enumerate(names)}
        return cls(
            np.concatenate([each.log_factor for each in entities]),
            np.concatenate([each.variance for each in entities]),
            np.repeat(np.arange(len(entities)), [len(each.values) for each in entities]),
            np.array([place[value] for each in entities for value in each.values]),
            names,
        )

    def where(self, keep: Mask) -> "_Cells":
        return _Cells(self.y[keep], self.variance[keep], self.entity[keep], self.value[keep], self.names)

    @property
    def evidence(self) -> float:
        """The sum of precisions."""
        return float((1 / (self.variance + TYPICAL_VARIANCE)).sum())

    def residuals(self, extra: float) -> float:
        """Return the weighted sum of squares about what entities and values have in common."""
        weight, value = self._weights(extra)
        reference, mean = self._fitted(weight, value)
        return float((weight * (self.y - reference - mean) ** 2).sum())

    def means(self, between: float) -> tuple[Floats, Floats]:
        """Return the mean of each value, in the order of the values, and its variance."""
        weight, value = self._weights(between)
        _, mean = self._fitted(weight, value)
        first = np.unique(value, return_index=True)[1]
        return mean[first], 1 / np.bincount(value, weight)

    def _weights(self, extra: float) -> tuple[Floats, Ints]:
        return 1 / (self.variance + extra), np.unique(self.value, return_inverse=True)[1]

    def _fitted(self, weight: Floats, value: Ints) -> tuple[Floats, Floats]:
        """Return each cell's reference of its entity and mean of its value, by alternating least squares."""
        reference = np.zeros(len(self.y))
        for _ in range(ROUNDS):
            mean = _means(value, self.y - reference, weight)
            before, reference = reference, _means(self.entity, self.y - mean, weight)
            if float(np.abs(reference - before).max(initial=0.0)) < SETTLED:
                break
        return reference, _means(value, self.y - reference, weight)


def _means(codes: Ints, y: Floats, weight: Floats) -> Floats:
    """Return the weighted mean of each cell's group."""
    size = int(codes.max(initial=-1)) + 1
    means: Floats = (sum_by(codes, weight * y, size) / np.maximum(sum_by(codes, weight, size), 1e-300))[codes]
    return means


def _about_mean(mean: Floats, variance: Floats) -> float:
    centre = (mean / variance).sum() / (1 / variance).sum()
    return float(((mean - centre) ** 2 / variance).sum())


def _variance(squares: Callable[[float], float], degrees: float) -> float:
    """Return the variance at which a weighted sum of squares is as large as its degrees; 0 where it never is."""
    if degrees <= 0 or squares(0.0) <= degrees:
        return 0.0
    low, high = 0.0, MAX_VARIANCE
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if squares(middle) > degrees else (low, middle)
    return (low + high) / 2
