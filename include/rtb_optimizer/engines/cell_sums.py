"""What do the rows of each published cell add up to? Integer sums over row groups, in any order of them."""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.sample import Ints
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.engines.batch_sums import MEASURES, Measured, Sums
from rtb_optimizer.engines.cells import Coded, Recoding, Spelling, Term
from rtb_optimizer.engines.grids import Grid, grids
from rtb_optimizer.engines.measuring import Measuring
from rtb_optimizer.engines.row_bounds import Bounds

if TYPE_CHECKING:
    import pyarrow as pa


class CellSums:
    """Sums of rows, exposure, outcome, value and cost (millionths) by cell of each term; threads may add at once."""

    def __init__(self, terms: Mapping[str, Term], settings: Settings, measuring: Measuring) -> None:
        self._terms, self._measuring = terms, measuring
        self._spellings = {
            name: {f: Spelling(f, settings, values) for f, values in zip(term.features, term.values, strict=True)}
            for name, term in terms.items()
        }
        self._sums = _nothing(terms)
        self._lock = Lock()

    def of(self, name: str) -> Sums:
        """Return the sums of a term: a row a measure, a column a published cell, the rest in the last."""
        return self._sums[name]

    def add(self, row_group: "Iterable[pa.RecordBatch]", bounds: Bounds) -> None:
        """Add the rows of a row group that the window keeps."""
        counting = _Counting(self._terms, self._spellings, bounds)
        for batch in row_group:
            measured = self._measuring(batch)
            kept = np.flatnonzero(measured["kept"])
            whole = len(kept) == batch.num_rows
            measures = Measured.of({m: measured[m] if whole else measured[m][kept] for m in MEASURES[1:]})
            counting.add(batch, None if whole else kept, measures)
        counting.end()
        with self._lock:
            for name, added in counting.sums.items():
                self._sums[name] += added


class _Counting:
    """The sums of one row group by term: on grids of raw values while these stay the same, in `sums` at the end."""

    def __init__(
        self, terms: Mapping[str, Term], spellings: Mapping[str, Mapping[str, Spelling]], bounds: Bounds
    ) -> None:
        self._terms = terms
        self._coded = {name: Coded(bounds.get(name)) for term in terms.values() for name in term.features}
        self._recodings = {
            name: {feature: Recoding(spelling) for feature, spelling in of_term.items()}
            for name, of_term in spellings.items()
        }
        self._together = {name for term in terms.values() if len(term.features) > 1 for name in term.features}
        self._raw: Mapping[str, Sequence[object]] = {}
        self._grids: list[Grid] = []
        self.sums = _nothing(terms)

    def add(self, batch: "pa.RecordBatch", kept: Ints | None, measures: Measured) -> None:
        """Add the rows of a batch, all or those `kept`."""
        codes = {name: coded.codes(batch.column(name)) for name, coded in self._coded.items()}
        if kept is not None:
            codes = {name: column.take(kept) for name, column in codes.items()}
        raw = {name: coded.raw for name, coded in self._coded.items()}
        if any(raw[name] is not self._raw.get(name) for name in raw):
            self.end()
            self._raw, self._grids = raw, grids({name: len(raw[name]) for name in raw}, self._together)
        for grid in self._grids:
            grid.add(codes, measures)
        for name, term in self._terms.items():
            if not any(grid.has(term.features) for grid in self._grids):
                self.sums[name] += measures.by(term.cells(codes, self._recode(name, codes)), term.size + 1)

    def end(self) -> None:
        """Add what the grids hold to the terms."""
        for name, term in self._terms.items():
            for grid in self._grids:
                if grid.has(term.features):
                    self._add(name, term, grid.by(term.features))
        self._grids = []

    def _add(self, name: str, term: Term, by_raw: Sums) -> None:
        there = dict(zip(term.features, np.nonzero(by_raw[0]), strict=True))
        cells = term.cells(there, self._recode(name, there))
        for sums, added in zip(self.sums[name], by_raw, strict=True):
            np.add.at(sums, cells, added[tuple(there.values())])

    def _recode(self, name: str, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Return the published positions of a term's raw values, of those at least that `codes` hold."""
        of_term = self._recodings[name].items()
        return {f: recoding.positions(self._raw[f], codes[f]) for f, recoding in of_term}


def _nothing(terms: Mapping[str, Term]) -> dict[str, Sums]:
    return {name: np.zeros((len(MEASURES), term.size + 1), np.int64) for name, term in terms.items()}
