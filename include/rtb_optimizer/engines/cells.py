"""Which published cell does a row fall into? Columns of codes become cell numbers, a whole batch at a time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.sample import Ints
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.core.values import split_key
from rtb_optimizer.engines.encoding import spelled

if TYPE_CHECKING:
    import pyarrow as pa

NARROW_RANGE = 1 << 20
FEW_VALUES = 1 << 12
DENSE_CELLS = 1 << 21


class Spelling:
    """A feature's raw values so far and what they are canonically: each distinct raw value is spelled out once."""

    def __init__(self, name: str, settings: Settings, published: Sequence[str]) -> None:
        self._name, self._settings = name, settings
        self._position = {value: n for n, value in enumerate(published)}
        self.other = len(published)
        self._known: dict[object, int] = {}

    def recode(self, raw: Sequence[object], codes: Ints) -> Ints:
        """Return the position of each raw value among the published ones, `other` for the rest.

        Of many raw values only those that `codes` holds are looked at.
        """
        few = len(raw) < FEW_VALUES
        there = list(range(len(raw))) if few else np.flatnonzero(np.bincount(codes, minlength=len(raw))).tolist()
        met = [raw[n] for n in there]
        fresh = [value for value in dict.fromkeys(met) if value not in self._known]
        if fresh:
            canon = spelled(fresh, self._name, self._settings)
            self._known |= {r: self._position.get(c, self.other) for r, c in zip(fresh, canon, strict=True)}
        positions = np.full(len(raw), self.other, dtype=np.intp)
        positions[there] = np.fromiter((self._known[value] for value in met), np.intp, len(met))
        return positions


def local_codes(column: "pa.Array") -> tuple[Ints, list[object]]:
    """Return a column of a batch as codes (n) of its raw values (list): as it is stored, or found out here."""
    import pyarrow as pa

    if column.null_count == 0 and pa.types.is_integer(column.type):
        numbers = column.to_numpy()
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < NARROW_RANGE:
            return (numbers - low if low else numbers).astype(np.int32, copy=False), list(range(low, high + 1))
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode(null_encoding="encode")
    values = column.dictionary.to_pylist()
    if column.null_count == 0:
        return column.indices.to_numpy(), values
    return column.indices.fill_null(len(values)).to_numpy(), [*values, None]


class Term:
    """A feature, or an interaction, with the cells that are published of it; the number after the last is the rest."""

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
        self._order = np.argsort(joint)
        self._joint = joint[self._order]
        self._table = self._dense() if np.prod(self._radix, dtype=float) <= DENSE_CELLS else None

    def cells(self, codes: Mapping[str, Ints], recode: Mapping[str, Ints]) -> Ints:
        """Return each row's cell: `codes` of its raw values by feature, `recode` from raw value to published one."""
        joint = recode[self.features[0]].take(codes[self.features[0]])
        for name, radix in zip(self.features[1:], self._radix[1:], strict=True):
            joint *= radix
            joint += recode[name].take(codes[name])
        return self.numbered(joint)

    def numbered(self, joint: Ints) -> Ints:
        """Return the cells of rows whose values' positions are joined into one number; of one feature, the position."""
        if self._table is not None:
            return self._table.take(joint)
        at = np.minimum(np.searchsorted(self._joint, joint), max(self.size - 1, 0))
        return np.where(self._joint[at] == joint, self._order[at], self.size)

    def _dense(self) -> Ints:
        table = np.full(int(np.prod(self._radix)), self.size, dtype=np.intp)
        table[self._joint] = self._order
        return table
