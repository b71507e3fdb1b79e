"""Sums the rows of each published cell: integer sums over row groups, in any order of them.

Features of few values, and the interactions between them, are counted together on the grid of all their combinations:
one sum a row serves them all. A feature of many values has a grid to itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Ints
from rtb_optimizer.engines.exact.cells import Canonicaliser, Coded, Recoding, Term
from rtb_optimizer.engines.exact.key_rows import KeyRows
from rtb_optimizer.engines.exact.measuring import Measuring
from rtb_optimizer.engines.parquet.row_groups import Bounds

if TYPE_CHECKING:
    import pyarrow as pa


MEASURES = ("rows", "exposure", "outcome", "value", "cost")
EXACT_BELOW = 2**53
"""Sums of integers in floating point are exact up to here."""
MAX_GRID_CELLS = 1 << 14
"""Cells that fit into a core's cache with their sums."""

Sums = NDArray[np.int64]
Codes = Mapping[str, Ints]
"""The codes of a batch's raw values (n each), by feature."""
Raw = Mapping[str, Sequence[object]]
"""The raw values that codes stand for, by feature."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch's measures, prepared once for all terms: few rows have an outcome or value, many measures are constant.

    A measure is its rows (None: all) with their amounts, or the one number that all rows have.
    """

    parts: Mapping[str, "tuple[Ints | None, NDArray[np.generic]] | int"]

    @classmethod
    def of(cls, measures: Mapping[str, NDArray[np.generic]]) -> "Measured":
        """Prepare the measures of a batch."""
        return cls({name: _prepared(np.asarray(measure, np.int64)) for name, measure in measures.items()})

    def by(self, cell: Ints, size: int) -> Sums:
        """Return the sums by cell: a row a measure, `rows` first."""
        rows = np.bincount(cell, minlength=size)
        sums = [rows]
        for name in MEASURES[1:]:
            part = self.parts[name]
            if isinstance(part, int):
                sums.append(rows * part)
                continue
            at, amounts = part
            sums.append(_sum_by(cell if at is None else cell.take(at), amounts, size))
        return np.stack(sums).astype(np.int64, copy=False)


def _prepared(measure: NDArray[np.int64]) -> "tuple[Ints | None, NDArray[np.generic]] | int":
    if len(measure) and (measure.strides == (0,) or bool((measure == measure[0]).all())):
        return int(measure[0])
    nonzero = np.flatnonzero(measure)
    few = len(nonzero) * 2 < len(measure)
    amounts = measure.take(nonzero) if few else measure
    exact = float(np.abs(amounts).sum(dtype=np.float64)) < EXACT_BELOW
    return nonzero if few else None, amounts.astype(np.float64) if exact else amounts


def _sum_by(cell: Ints, amounts: NDArray[np.generic], size: int) -> Sums:
    """Return exact integer sums by cell: in floating point while they are certainly exact, else in integers."""
    if amounts.dtype == np.float64:
        return np.bincount(cell, amounts, size).astype(np.int64)
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, amounts)
    return sums


class Grid:
    """Sums by the combinations of some features' codes, `sizes` of each."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = dict(sizes)
        self._sums = np.zeros((len(MEASURES), int(np.prod([*sizes.values()]))), np.int64)

    def has(self, features: Sequence[str]) -> bool:
        """Whether all of them are counted here."""
        return set(features) <= self._sizes.keys()

    def add(self, codes: Codes, measures: Measured) -> None:
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
    """Return grids that have each feature once, by their numbers of codes; those in `together` are placed first."""
    parts: list[dict[str, int]] = []
    for name in sorted(sizes, key=lambda name: (name not in together, sizes[name], name)):
        fits = (part for part in parts if np.prod([*part.values(), sizes[name]], dtype=float) <= MAX_GRID_CELLS)
        part = next(fits, None)
        if part is None:
            parts.append(part := {})
        part[name] = sizes[name]
    return [Grid(part) for part in parts]


class CellSums:
    """Sums of rows, exposure, outcome, value and cost (millionths) by cell of each term, and the rows of joint keys.

    Threads may add at once.
    """

    def __init__(self, terms: Mapping[str, Term], keys: KeyRows, settings: Settings, measuring: Measuring) -> None:
        self._terms, self._keys, self._measuring = terms, keys, measuring
        self._canonicalisers = {
            name: {f: Canonicaliser(f, settings, values) for f, values in zip(term.features, term.values, strict=True)}
            for name, term in terms.items()
        }
        self._sums = _zeros(terms)
        self._lock = Lock()

    def of(self, name: str) -> Sums:
        """Return the sums of a term: a row a measure, a column a published cell, the rest in the last."""
        return self._sums[name]

    def add(self, row_group: "Iterable[pa.RecordBatch]", bounds: Bounds) -> None:
        """Add the rows of a row group that the window keeps."""
        of_keys = self._keys.counting()
        columns = _Columns(
            {*self._keys.names, *(name for term in self._terms.values() for name in term.features)}, bounds
        )
        counting = _Counting(self._terms, self._canonicalisers)
        for batch in row_group:
            measured = self._measuring(batch)
            selected = np.flatnonzero(measured["kept"])
            whole = len(selected) == batch.num_rows
            measures = Measured.of({m: measured[m] if whole else measured[m][selected] for m in MEASURES[1:]})
            codes, raw = columns.of(batch, None if whole else selected)
            counting.add(codes, raw, measures)
            of_keys.add(codes, raw)
        counting.end()
        with self._lock:
            self._keys.merge(of_keys)
            for name, added in counting.sums.items():
                self._sums[name] += added


class _Columns:
    """The features' columns of one row group, as codes of raw values."""

    def __init__(self, names: Collection[str], bounds: Bounds) -> None:
        self._coded = {name: Coded(bounds.get(name)) for name in names}

    def of(self, batch: "pa.RecordBatch", selected: Ints | None) -> tuple[Codes, Raw]:
        """Return the codes of a batch, of all its rows or those `selected`, and the raw values that they stand for."""
        codes = {name: coded.codes(batch.column(name)) for name, coded in self._coded.items()}
        if selected is not None:
            codes = {name: column.take(selected) for name, column in codes.items()}
        return codes, {name: coded.raw for name, coded in self._coded.items()}


class _Counting:
    """The sums of one row group by term: on grids of raw values while these stay the same, in `sums` at the end."""

    def __init__(self, terms: Mapping[str, Term], canonicalisers: Mapping[str, Mapping[str, Canonicaliser]]) -> None:
        self._terms = terms
        self._names = {name for term in terms.values() for name in term.features}
        self._recodings = {
            name: {feature: Recoding(canonicaliser) for feature, canonicaliser in of_term.items()}
            for name, of_term in canonicalisers.items()
        }
        self._together = {name for term in terms.values() if len(term.features) > 1 for name in term.features}
        self._raw: Raw = {}
        self._grids: list[Grid] = []
        self.sums = _zeros(terms)

    def add(self, codes: Codes, raw: Raw, measures: Measured) -> None:
        """Add the rows of a batch."""
        if any(raw[name] is not self._raw.get(name) for name in self._names):
            self.end()
            self._raw = raw
            self._grids = grids({name: len(raw[name]) for name in self._names}, self._together)
        for grid in self._grids:
            grid.add(codes, measures)
        for name, term in self._terms.items():
            if not any(grid.has(term.features) for grid in self._grids):
                self.sums[name] += measures.by(term.cells(codes, self._recode(name, codes)), term.size + 1)

    def end(self) -> None:
        """Add the sums of the grids to the terms."""
        for name, term in self._terms.items():
            for grid in self._grids:
                if grid.has(term.features):
                    self._add(name, term, grid.by(term.features))
        self._grids = []

    def _add(self, name: str, term: Term, by_raw: Sums) -> None:
        occurring = dict(zip(term.features, np.nonzero(by_raw[0]), strict=True))
        cells = term.cells(occurring, self._recode(name, occurring))
        for sums, added in zip(self.sums[name], by_raw, strict=True):
            np.add.at(sums, cells, added[tuple(occurring.values())])

    def _recode(self, name: str, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Return the published positions of a term's raw values, at least of those that occur in `codes`."""
        of_term = self._recodings[name].items()
        return {f: recoding.positions(self._raw[f], codes[f]) for f, recoding in of_term}


def _zeros(terms: Mapping[str, Term]) -> dict[str, Sums]:
    return {name: np.zeros((len(MEASURES), term.size + 1), np.int64) for name, term in terms.items()}
