"""Counts the rows of joint keys: keys of one feature, then two, and so on, in the order of a key's features.

Of a joint key the rows alone are needed, and most rows of the logs are of no key that is to be counted. The keys form a
tree, by the values of their first features: a row follows it as far as its values do, and leaves at the first that no
key has.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Ints
from rtb_optimizer.core.sample.values import segment_key, split_key
from rtb_optimizer.engines.exact.cells import Canonicaliser, Recoding, places_among

Features = tuple[str, ...]
KeysByFeatures = Mapping[Features, Sequence[str]]
"""Joint keys by their features, in order; the key of a single feature is its value."""

DENSE_NODES = 1 << 24
"""The largest table of nodes, 64 MiB; a row is found in it in a third of the time that a hash takes."""


class Level:
    """The nodes of the tree that a key's first features lead to, and the levels of one feature more.

    Attributes:
        features: The features, in order.
        keys: The values of each node, by its number.
        values: The distinct values of the last feature, in order.
        below: The next levels.
    """

    def __init__(self, features: Features, parents: Sequence[Features], keys: Sequence[Features]) -> None:
        self.features, self.keys = features, keys
        self.values = tuple(sorted({key[-1] for key in keys}))
        self.below: list[Level] = []
        place, parent = ({each: n for n, each in enumerate(sorted_)} for sorted_ in (self.values, parents))
        self._radix = len(self.values) + 1
        joint = np.array([parent[key[:-1]] * self._radix + place[key[-1]] for key in keys], dtype=np.int64)
        size = len(parents) * self._radix
        self._node = self._dense(joint, size).take if size <= DENSE_NODES else places_among(joint)

    def nodes(self, parent: Ints | None, position: Ints) -> Ints:
        """Return each row's node, the number of nodes where it has none.

        Args:
            parent: Its node on the level above (n), None on the first.
            position: Its value's position among `values` (n).
        """
        return self._node(position if parent is None else parent * self._radix + position)

    def _dense(self, joint: Ints, size: int) -> NDArray[np.int32]:
        node = np.full(size, len(self.keys), dtype=np.int32)
        node[joint] = np.arange(len(self.keys))
        return node


class KeyRows:
    """The rows of joint keys in the row groups that were merged."""

    def __init__(self, keys: KeysByFeatures, settings: Settings) -> None:
        self._keys, self._first, self._levels = keys, *_levels(keys)
        self._canonicalisers = {
            level.features: Canonicaliser(level.features[-1], settings, level.values) for level in self._levels
        }
        self._rows = self._zeros()

    @property
    def names(self) -> Sequence[str]:
        """The features of the keys, each once."""
        return list(dict.fromkeys(level.features[-1] for level in self._levels))

    def by_key(self) -> dict[Features, dict[str, int]]:
        """Return the rows of each key that has any, by its features."""
        counted = {
            level.features: dict(zip(map(_key, level.keys), self._rows[level.features].tolist(), strict=True))
            for level in self._levels
        }
        return {
            features: {key: counted[features][key] for key in keys if counted[features][key]}
            for features, keys in self._keys.items()
        }

    def counting(self) -> "KeyRowsOfGroup":
        """Return what counts the rows of a row group."""
        recodings = {features: Recoding(canonicaliser) for features, canonicaliser in self._canonicalisers.items()}
        return KeyRowsOfGroup(self._first, recodings, self._zeros())

    def merge(self, counted: "KeyRowsOfGroup") -> None:
        """Add the rows of a row group."""
        for features, rows in counted.rows.items():
            self._rows[features] += rows

    def _zeros(self) -> dict[Features, Ints]:
        return {level.features: np.zeros(len(level.keys), dtype=np.int64) for level in self._levels}


class KeyRowsOfGroup:
    """The rows of each node in a row group, by the features that lead to it."""

    def __init__(
        self, first: Sequence[Level], recodings: Mapping[Features, Recoding], rows: dict[Features, Ints]
    ) -> None:
        self._first, self._recodings, self.rows = first, recodings, rows

    def add(self, codes: Mapping[str, Ints], raw: Mapping[str, Sequence[object]]) -> None:
        """Add the rows of a batch: `codes` of its raw values, and these, by feature."""
        if self._first:
            self._follow(self._first, np.arange(len(codes[self._first[0].features[0]])), None, codes, raw)

    def _follow(
        self,
        levels: Sequence[Level],
        rows: Ints,
        parent: Ints | None,
        codes: Mapping[str, Ints],
        raw: Mapping[str, Sequence[object]],
    ) -> None:
        for level in levels:
            name, size = level.features[-1], len(level.keys)
            of_rows = codes[name] if parent is None else codes[name].take(rows)
            position = self._recodings[level.features].positions(raw[name], of_rows).take(of_rows)
            node = level.nodes(parent, position)
            inside = np.flatnonzero(node < size)
            node = node.take(inside)
            self.rows[level.features] += np.bincount(node, minlength=size)
            if len(inside):
                self._follow(level.below, rows.take(inside), node, codes, raw)


def _levels(keys: KeysByFeatures) -> tuple[Sequence[Level], Sequence[Level]]:
    """Return the levels of one feature, and all of them, each after the one above it."""
    patterns = {features: [_parts(features, key) for key in of_features] for features, of_features in keys.items()}
    prefixes = {features[:n] for features in patterns for n in range(1, len(features) + 1)}
    levels: dict[Features, Level] = {}
    for features in sorted(prefixes, key=lambda each: (len(each), each)):
        longer = [each for each in patterns if each[: len(features)] == features]
        nodes = sorted({parts[: len(features)] for each in longer for parts in patterns[each]})
        above = levels.get(features[:-1])
        levels[features] = level = Level(features, above.keys if above else [()], nodes)
        if above:
            above.below.append(level)
    return [level for level in levels.values() if len(level.features) == 1], list(levels.values())


def _parts(features: Features, key: str) -> Features:
    return tuple(str(part) for part in split_key(key)) if len(features) > 1 else (key,)


def _key(values: Features) -> str:
    return values[0] if len(values) == 1 else segment_key(values)
