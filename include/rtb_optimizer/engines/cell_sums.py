"""What do the rows of each published cell add up to? Integer sums over batches of rows, in any order of batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample import Ints
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.engines.cells import Spelling, Term, local_codes
from rtb_optimizer.engines.measuring import Measuring

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES = ("rows", "exposure", "outcome", "value", "cost")
EXACT_BELOW = 2**53
"""Sums of integers in floating point are exact up to here."""


class CellSums:
    """Sums of rows, exposure, outcome, value and cost (millionths) by cell of each term; threads may add at once."""

    def __init__(
        self, terms: Mapping[str, Term], settings: Settings, row_columns: Sequence[str], measuring: Measuring
    ) -> None:
        self._terms, self._measuring, self._row_columns = terms, measuring, list(row_columns)
        self._spellings = {
            name: {f: Spelling(f, settings, values) for f, values in zip(term.features, term.values, strict=True)}
            for name, term in terms.items()
        }
        self._sums = {name: np.zeros((len(MEASURES), term.size + 1), np.int64) for name, term in terms.items()}
        self._lock = Lock()

    def of(self, name: str) -> NDArray[np.int64]:
        """Return the sums of a term: a row a measure, a column a published cell, the rest in the last."""
        return self._sums[name]

    def add(self, batch: "pa.RecordBatch") -> None:
        """Add the rows of a batch that the window keeps."""
        measured = self._measuring(batch.select(self._row_columns))
        kept = np.flatnonzero(measured["kept"])
        whole = len(kept) == batch.num_rows
        measures = Measured.of({m: measured[m] if whole else measured[m][kept] for m in MEASURES[1:]})
        features = {name for term in self._terms.values() for name in term.features}
        local = {name: local_codes(batch.column(name)) for name in sorted(features)}
        codes = {name: (column if whole else column.take(kept)).astype(np.intp) for name, (column, _) in local.items()}
        sums = {
            name: self._summed(name, term, codes, {f: local[f][1] for f in term.features}, measures)
            for name, term in self._terms.items()
        }
        with self._lock:
            for name, added in sums.items():
                self._sums[name] += added

    def _summed(
        self, name: str, term: Term, codes: Mapping[str, Ints], raw: Mapping[str, list[object]], measures: "Measured"
    ) -> NDArray[np.int64]:
        spellings = self._spellings[name]
        recode = {f: spellings[f].recode(raw[f], codes[f]) for f in term.features}
        if len(term.features) > 1:
            return measures.by(term.cells(codes, recode), term.size + 1)
        feature = term.features[0]
        by_raw = measures.by(codes[feature], len(raw[feature]))
        added, cell = np.zeros((len(MEASURES), term.size + 1), np.int64), term.numbered(recode[feature])
        for n, row in enumerate(by_raw):
            np.add.at(added[n], cell, row)
        return added


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch's measures, made ready once for all terms: few rows have an outcome or value, many measures are constant.

    A measure is its rows (None: all) with what they hold, or the one number that all rows hold.
    """

    parts: Mapping[str, "tuple[Ints | None, NDArray[np.generic]] | int"]

    @classmethod
    def of(cls, measures: Mapping[str, NDArray[np.generic]]) -> "Measured":
        """Make the measures of a batch ready."""
        return cls({name: _ready(np.asarray(measure, np.int64)) for name, measure in measures.items()})

    def by(self, cell: Ints, size: int) -> NDArray[np.int64]:
        """Return the sums by cell: a row a measure, `rows` first."""
        rows = np.bincount(cell, minlength=size)
        sums = [rows]
        for name in MEASURES[1:]:
            part = self.parts[name]
            if isinstance(part, int):
                sums.append(rows * part)
                continue
            at, held = part
            sums.append(_sum_by(cell if at is None else cell.take(at), held, size))
        return np.stack(sums).astype(np.int64, copy=False)


def _ready(measure: NDArray[np.int64]) -> "tuple[Ints | None, NDArray[np.generic]] | int":
    if len(measure) and bool((measure == measure[0]).all()):
        return int(measure[0])
    there = np.flatnonzero(measure)
    few = len(there) * 2 < len(measure)
    held = measure.take(there) if few else measure
    exact = float(np.abs(held).sum(dtype=np.float64)) < EXACT_BELOW
    return there if few else None, held.astype(np.float64) if exact else held


def _sum_by(cell: Ints, held: NDArray[np.generic], size: int) -> NDArray[np.int64]:
    """Return exact integer sums by cell: in floating point while they are surely exact, else slowly."""
    if held.dtype == np.float64:
        return np.bincount(cell, held, size).astype(np.int64)
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, held)
    return sums
