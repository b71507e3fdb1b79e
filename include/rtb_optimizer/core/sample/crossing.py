"""Builds interactions: features whose values are the combinations of other features' values that occur."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from rtb_optimizer.core.sample.numbering import DENSE_CELLS, renumbered_densely
from rtb_optimizer.core.sample.sample import Feature, Ints, Sample
from rtb_optimizer.core.sample.values import segment_key


class CellNames(Sequence[str]):
    """The names of an interaction's cells, made on access: there may be many more than are published.

    A cell's name is the `segment_key` of its parts.
    """

    def __init__(self, parts: Sequence[Feature], cells: Sequence[Ints]) -> None:
        self._parts, self._cells = parts, cells

    def __len__(self) -> int:
        return len(self._cells[0])

    @overload
    def __getitem__(self, code: int) -> str: ...
    @overload
    def __getitem__(self, code: slice) -> Sequence[str]: ...
    def __getitem__(self, code: int | slice) -> str | Sequence[str]:
        if isinstance(code, slice):
            return [self[n] for n in range(*code.indices(len(self)))]
        if not -len(self) <= code < len(self):
            raise IndexError(code)
        return segment_key(part.values[int(cells[code])] for part, cells in zip(self._parts, self._cells, strict=True))

    @property
    def barred(self) -> Ints:
        """The cells with a part that is no value."""
        pairs = zip(self._parts, self._cells, strict=True)
        return np.flatnonzero(np.any([np.isin(cells, part.barred) for part, cells in pairs], axis=0))


class CellNumbers(Sequence[str]):
    """The values of cells that need no name: only their number matters."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, code: int) -> str: ...
    @overload
    def __getitem__(self, code: slice) -> Sequence[str]: ...
    def __getitem__(self, code: int | slice) -> str | Sequence[str]:
        return str(code)


@dataclass(frozen=True, slots=True)
class CrossedFeature(Feature):
    """An interaction as a feature; `parts` are the names of those that interact."""

    values: CellNames
    parts: tuple[str, ...]

    @property
    def barred(self) -> Ints:
        """See Feature."""
        return self.values.barred


def parts_of(name: str, feature: Feature) -> tuple[str, ...]:
    """Return the names of a feature's parts: its own name, or those of an interaction's features."""
    return feature.parts if isinstance(feature, CrossedFeature) else (name,)


def crossed_feature(sample: Sample, features: Sequence[str]) -> CrossedFeature:
    """Return the features' interaction: a feature whose values are the combinations that occur."""
    codes, size = cell_codes(sample, features)
    first = np.empty(size, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    parts = [sample.features[name] for name in features]
    return CrossedFeature(codes, CellNames(parts, [part.codes.take(first) for part in parts]), tuple(features))


def crossed(sample: Sample, features: Sequence[str]) -> Sample:
    """Return the sample with the features' interaction among its features, named by `segment_key(features)`."""
    return replace(sample, features={**sample.features, segment_key(features): crossed_feature(sample, features)})


def with_interactions(sample: Sample, interactions: Iterable[Sequence[str]]) -> Sample:
    """Return the sample with each of the interactions among its features."""
    for features in interactions:
        sample = crossed(sample, features)
    return sample


def cell_codes(sample: Sample, features: Sequence[str]) -> tuple[Ints, int]:
    """Return each row's cell (n codes, dense from 0), and the number of cells."""
    return renumbered_densely(*joint_codes(sample, features))


def joint_codes(sample: Sample, features: Sequence[str]) -> tuple[Ints, int]:
    """Return a number that rows of one cell share (n integers), and its upper bound; some numbers may not occur."""
    joint: Ints = sample.features[features[0]].codes.astype(np.int64)
    size = len(sample.features[features[0]].values)
    for name in features[1:]:
        feature = sample.features[name]
        joint *= len(feature.values)
        joint += feature.codes
        size *= len(feature.values)
        if size > DENSE_CELLS:  # renumbered, so that the product of sizes cannot overflow
            joint, size = renumbered_densely(joint, size)
    return joint, size
