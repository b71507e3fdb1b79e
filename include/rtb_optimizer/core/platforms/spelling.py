"""Spells the values of a sample as a platform's requests hold them, and finds those that requests never hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.platforms.column import Column
from rtb_optimizer.core.sample.sample import Feature, Floats, Sample, sum_by
from rtb_optimizer.core.sample.values import OTHER

EXAMPLES = 3
"""So many values are named, those with the most exposures."""


@dataclass(frozen=True, slots=True)
class SpeltValues:
    """How many values of a feature are spelt otherwise, or outside a field's space, on which share of the exposures.

    `examples` are the heaviest: our spelling with the platform's, which is empty where the field has none.
    """

    feature: str
    wants: str
    values: int
    exposure_share: float
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SpeltSample:
    """A sample in a platform's spelling, the values that it changed, and those that no request there holds."""

    sample: Sample
    respelt: tuple[SpeltValues, ...]
    outside: tuple[SpeltValues, ...]


def spelt_sample(sample: Sample, columns: Mapping[str, Column]) -> SpeltSample:
    """Return a sample in the spelling of the columns, by feature; one that its column never holds becomes no value."""
    features = dict[str, Feature](sample.features)
    respelt, outside = list[SpeltValues](), list[SpeltValues]()
    for name, column in columns.items():
        feature = sample.features[name]
        spelt = [column.spelt(value) for value in feature.values]
        if all(theirs == ours for theirs, ours in zip(spelt, feature.values, strict=True)):
            continue
        changed = {n: theirs for n, theirs in enumerate(spelt) if theirs != feature.values[n]}
        known = {n: theirs for n, theirs in changed.items() if theirs is not None}
        lost = {n: "" for n, theirs in changed.items() if theirs is None}
        respelt += _told(name, column, feature, known, sample.exposure)
        outside += _told(name, column, feature, lost, sample.exposure)
        features[name] = Feature.named(feature.codes, [OTHER if theirs is None else theirs for theirs in spelt])
    return SpeltSample(replace(sample, features=features), tuple(respelt), tuple(outside))


def _told(
    name: str, column: Column, feature: Feature, values: Mapping[int, str], exposure: Floats
) -> list[SpeltValues]:
    weights = sum_by(feature.codes, exposure, len(feature.values))
    seen = sorted((n for n in values if weights[n] > 0), key=lambda n: (-weights[n], feature.values[n]))
    if not seen:
        return []
    share = float(weights[np.array(seen)].sum() / exposure.sum())
    examples = tuple((feature.values[n], values[n]) for n in seen[:EXAMPLES])
    return [SpeltValues(name, column.holds, len(seen), share, examples)]
