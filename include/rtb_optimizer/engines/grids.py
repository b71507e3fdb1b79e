"""Which features are counted together? On the grid of all their combinations, one sum a row serves them all.

And the interactions between them. That is for features of few values; one of many has a grid to itself.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rtb_optimizer.core.sample import Ints
from rtb_optimizer.engines.batch_sums import MEASURES, Measured, Sums

MOST_CELLS = 1 << 14
"""So many cells stay in a core's cache with their sums."""


class Grid:
    """Sums by the combinations of some features' codes, `sizes` of each."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = dict(sizes)
        self._sums = np.zeros((len(MEASURES), int(np.prod([*sizes.values()]))), np.int64)

    def has(self, features: Sequence[str]) -> bool:
        """Whether all of them are counted here."""
        return set(features) <= self._sizes.keys()

    def add(self, codes: Mapping[str, Ints], measures: Measured) -> None:
        """Add rows by their codes."""
        first, *rest = self._sizes
        cell = codes[first].copy() if rest else codes[first]
        for name in rest:
            cell *= self._sizes[name]
            cell += codes[name]
        self._sums += measures.by(cell.astype(np.intp), self._sums.shape[1])

    def by(self, features: Sequence[str]) -> Sums:
        """Return the sums by the codes of some of the features: an axis for the measures, then one for each."""
        names = [*self._sizes]
        order = [*features, *(name for name in names if name not in features)]
        sums = self._sums.reshape(-1, *self._sizes.values()).transpose(0, *(1 + names.index(name) for name in order))
        by_features: Sums = sums.reshape(*sums.shape[: 1 + len(features)], -1).sum(axis=-1)
        return by_features


def grids(sizes: Mapping[str, int], together: Collection[str]) -> list[Grid]:
    """Return grids that have each feature once, by their numbers of codes; those `together` are placed first."""
    parts: list[dict[str, int]] = []
    for name in sorted(sizes, key=lambda name: (name not in together, sizes[name], name)):
        fits = (part for part in parts if np.prod([*part.values(), sizes[name]], dtype=float) <= MOST_CELLS)
        part = next(fits, None)
        if part is None:
            parts.append(part := {})
        part[name] = sizes[name]
    return [Grid(part) for part in parts]
