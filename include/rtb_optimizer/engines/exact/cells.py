"""Assigns rows to published cells: columns of codes become cell numbers, a whole batch at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Ints
from rtb_optimizer.core.sample.values import split_key
from rtb_optimizer.engines.passes.encoding import canonicalise

if TYPE_CHECKING:
    import pyarrow as pa

NARROW_RANGE = 1 << 20
FEW_VALUES = 1 << 12
DENSE_CELLS = 1 << 21


class Coded:
    """A column as codes of its raw values, from batch to batch of a row group; `raw` stays one list while they do.

    `bounds` are the lowest and the highest whole number by the file's statistics: codes are offsets from the lowest, so
    that those of logs in order of time, such as an hour, stay the same. Values outside of the bounds are coded, too.
    """

    def __init__(self, bounds: tuple[int, int] | None = None) -> None:
        low, high = bounds or (0, -1)
        self._range = range(low, high + 1) if high - low < NARROW_RANGE else range(0)
        self.raw: list[object] = list(self._range)
        self._dictionary: pa.Array | None = None

    def codes(self, column: "pa.Array") -> Ints:
        """Return the codes of a batch: as they are stored, or computed here."""
        import pyarrow as pa

        if column.null_count == 0 and pa.types.is_integer(column.type):
            numbers = column.to_numpy()
            low, high = int(numbers.min()), int(numbers.max())
            if high - low < NARROW_RANGE:
                return self._places(numbers, low, high)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode(null_encoding="encode")
        if self._dictionary is None or not column.dictionary.equals(self._dictionary):
            self._dictionary, self._range = column.dictionary, range(0)
            self.raw = [*column.dictionary.to_pylist(), None]
        indices = column.indices if column.null_count == 0 else column.indices.fill_null(len(self.raw) - 1)
        codes: Ints = indices.to_numpy().astype(np.int32, copy=False)  # of any width, and combined further on
        return codes

    def _places(self, numbers: Ints, low: int, high: int) -> Ints:
        """Return the places of numbers in a range, which grows while it is narrow."""
        known = self._range
        if not (known and known[0] <= low and high <= known[-1]):
            wider = range(min(low, known[0]), max(high, known[-1]) + 1) if known else range(low, high + 1)
            self._range = wider if len(wider) <= NARROW_RANGE else range(low, high + 1)
            self._dictionary, self.raw = None, list(self._range)
        wide = numbers if numbers.itemsize == np.intp().itemsize else numbers.astype(np.intp)  # no difference overflows
        return (wide - self._range[0]).astype(np.int32)


class Canonicaliser:
    """A feature's raw values so far and their positions: each distinct raw value is canonicalised once."""

    def __init__(self, name: str, settings: Settings, published: Sequence[str]) -> None:
        self._name, self._settings = name, settings
        self._position = {value: n for n, value in enumerate(published)}
        self.other = len(published)
        self._known: dict[object, int] = {}

    def positions(self, raw: Sequence[object]) -> list[int]:
        """Return the position of each raw value among the published ones, `other` for the rest."""
        fresh = [value for value in dict.fromkeys(raw) if value not in self._known]
        if fresh:
            canon = canonicalise(fresh, self._name, self._settings)
            self._known |= {r: self._position.get(c, self.other) for r, c in zip(fresh, canon, strict=True)}
        return [self._known[value] for value in raw]


class Recoding:
    """Maps codes of raw values to positions among the published ones, from batch to batch of a row group."""

    def __init__(self, canonicaliser: Canonicaliser) -> None:
        self._canonicaliser = canonicaliser
        self._raw: Sequence[object] = ()
        self._positions: Ints = np.zeros(0, np.intp)
        self._is_mapped = np.zeros(0, dtype=bool)

    def positions(self, raw: Sequence[object], codes: Ints) -> Ints:
        """Return the position of each raw value; of many, only those that occur in `codes` are computed."""
        if raw is not self._raw:
            self._raw, self._is_mapped = raw, np.zeros(len(raw), dtype=bool)
            self._positions = np.full(len(raw), self._canonicaliser.other, dtype=np.intp)
        if not self._is_mapped.all():
            occurs = np.bincount(codes, minlength=len(raw)) > 0 if len(raw) > FEW_VALUES else True
            fresh = np.flatnonzero(~self._is_mapped & occurs)
            self._positions[fresh] = self._canonicaliser.positions([raw[n] for n in fresh.tolist()])
            self._is_mapped[fresh] = True
        return self._positions


class Term:
    """A feature, or an interaction, with its published cells; the number after the last is the rest."""

    def __init__(self, features: Sequence[str], published: Sequence[str]) -> None:
        self.features, self.size = tuple(features), len(published)
        parts = [split_key(key) if len(features) > 1 else [key] for key in published]
        columns = [[str(part[n]) for part in parts] for n in range(len(features))]
        self.values = [tuple(sorted(set(column))) for column in columns]
        place = [{value: n for n, value in enumerate(values)} for values in self.values]
        self._radix = [len(values) + 1 for values in self.values]
        joint = np.zeros(len(published), dtype=np.int64)
        for n, column in enumerate(columns):
            joint = joint * self._radix[n] + np.array([place[n][value] for value in column], dtype=np.int64)
        is_dense = np.prod(self._radix, dtype=float) <= DENSE_CELLS
        self._place = self._dense(joint).take if is_dense else places_among(joint)

    def cells(self, codes: Mapping[str, Ints], recode: Mapping[str, Ints]) -> Ints:
        """Return each row's cell: `codes` of its raw values by feature, `recode` from raw value to published one."""
        joint = recode[self.features[0]].take(codes[self.features[0]])
        for name, radix in zip(self.features[1:], self._radix[1:], strict=True):
            joint *= radix
            joint += recode[name].take(codes[name])
        return self.numbered(joint)

    def numbered(self, joint: Ints) -> Ints:
        """Return the cells of rows whose values' positions are joined into one number; of one feature, the position."""
        return self._place(joint)

    def _dense(self, joint: Ints) -> Ints:
        table = np.full(int(np.prod(self._radix)), self.size, dtype=np.intp)
        table[joint] = np.arange(self.size)
        return table


def places_among(numbers: Ints) -> Callable[[Ints], Ints]:
    """Return what finds the places of whole numbers among distinct ones, their count for others.

    By a hash: a bisection waits for memory at each of its steps, which takes five times as long among 100,000.
    """
    import pandas as pd

    index = pd.Index(numbers)
    index.get_indexer(numbers[:1])  # makes the hash table, which threads share

    def places(of: Ints) -> Ints:
        at: Ints = index.get_indexer(of)
        at[at < 0] = len(numbers)
        return at

    return places
