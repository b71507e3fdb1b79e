"""What is an interaction of features? A feature whose values are the cells: the combinations that occur."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from rtb_optimizer.core.sample import Feature, Ints, Sample
from rtb_optimizer.core.values import UNEXPANDED, segment_key

DENSE_CELLS = 1 << 22


def crossed(sample: Sample, features: Sequence[str]) -> Sample:
    """Return the sample with the features' interaction among its features, named by `segment_key(features)`.

    A cell's value is the `segment_key` of its parts, or `__unexpanded__` where a part is an unexpanded macro.
    """
    codes, first = cell_codes(sample, features)
    spelled = [[sample.features[name].values[code] for code in sample.features[name].codes[first]] for name in features]
    cells = zip(*spelled, strict=True)
    values = tuple(UNEXPANDED if UNEXPANDED in cell else segment_key(cell) for cell in cells)
    return replace(sample, features={**sample.features, segment_key(features): Feature(codes, values)})


def with_interactions(sample: Sample, interactions: Iterable[Sequence[str]]) -> Sample:
    """Return the sample with each of the interactions among its features."""
    for features in interactions:
        sample = crossed(sample, features)
    return sample


def cell_codes(sample: Sample, features: Sequence[str]) -> tuple[Ints, Ints]:
    """Return each row's cell (n codes, dense from 0), and for each cell a row that is in it."""
    joint = np.zeros(len(sample.exposure), dtype=np.int64)
    size = 1
    for name in features:
        feature = sample.features[name]
        joint, size = joint * len(feature.values) + feature.codes, size * len(feature.values)
        if size > DENSE_CELLS:  # renumbered, so that the product of sizes cannot overflow
            cells, joint = np.unique(joint, return_inverse=True)
            size = len(cells)
    seen = np.zeros(size, dtype=bool)
    seen[joint] = True
    codes = (np.cumsum(seen) - 1)[joint]
    first = np.empty(int(seen.sum()), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first
