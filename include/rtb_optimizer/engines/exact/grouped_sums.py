"""Sums the rows of each published cell from the raw values that SQL has grouped, a batch of groups at a time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Ints
from rtb_optimizer.engines.exact.cell_sums import MEASURES, Sums
from rtb_optimizer.engines.exact.cells import Canonicaliser, Term
from rtb_optimizer.engines.sql.grouping import GROUPED_BY, FeatureSet
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa


class GroupedSums:
    """Sums by cell of each term, the rest in the last; in memory are a batch, the sums and the raw values by feature.

    Values that are spelled in several ways are added up before any rate is taken.
    """

    def __init__(self, terms: Mapping[str, Term], settings: Settings) -> None:
        self._terms, self._settings = terms, settings
        self._canonicalisers = {
            name: {f: Canonicaliser(f, settings, values) for f, values in zip(term.features, term.values, strict=True)}
            for name, term in terms.items()
        }
        self._sums = {name: np.zeros((len(MEASURES), term.size + 1), np.int64) for name, term in terms.items()}

    def of(self, name: str) -> Sums:
        """Return the sums of a term: a row a measure, a column a published cell, the rest in the last."""
        return self._sums[name]

    def empty(self) -> "GroupedSums":
        """Return sums of the same terms, without any row."""
        return GroupedSums(self._terms, self._settings)

    def merge(self, others: "GroupedSums") -> None:
        """Add sums of the same terms."""
        for name in self._terms:
            self._sums[name] += others.of(name)

    def add(self, groups: "pa.RecordBatch", sets: Mapping[int, FeatureSet]) -> None:
        """Add groups: GROUPED_BY, which is a key of `sets`, the raw values, and the measures.

        Raises:
            LogsInvalid: when a sum is beyond 64 bits.
        """
        import pyarrow as pa

        grouped_by = groups.column(GROUPED_BY).cast(pa.int64()).to_numpy()
        for number in np.unique(grouped_by).tolist():
            rows = groups.take(pa.array(np.flatnonzero(grouped_by == number)))
            measures = np.stack([_whole(rows, measure, sets[number]) for measure in MEASURES])
            for name, term in self._terms.items():
                if tuple(sorted(term.features)) == sets[number]:
                    cells = self._cells(name, rows)
                    for sums, amounts in zip(self._sums[name], measures, strict=True):
                        np.add.at(sums, cells, amounts)

    def _cells(self, name: str, rows: "pa.RecordBatch") -> Ints:
        codes, recode = {}, {}
        for feature, canonicaliser in self._canonicalisers[name].items():
            column = rows.column("f_" + feature).dictionary_encode(null_encoding="encode")
            codes[feature] = column.indices.to_numpy()
            recode[feature] = np.array(canonicaliser.positions(column.dictionary.to_pylist()), dtype=np.intp)
        return self._terms[name].cells(codes, recode)


def _whole(rows: "pa.RecordBatch", measure: str, features: Sequence[str]) -> Sums:
    import pyarrow as pa

    try:
        whole: Sums = rows.column(measure).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        raise LogsInvalid(f"{measure} of a value of {', '.join(features)} is too large to be counted") from None
    return whole
