"""Which rows of a segment table does a reader ask for? Searched, filtered, sorted and paged in memory.

The table is kept as Arrow columns, about 10 MB for 50,000 rows, so that an answer takes milliseconds.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rtb_optimizer.core.sample.values import WILDCARD, segment_key, split_key
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.web.cache import Kept
from rtb_optimizer.web.run.outputs import RunOutputs

SORTS = {
    "table": "Table order",
    "best": "Raised, most traffic moved",
    "worst": "Cut, most traffic moved",
    "moved": "Moved most since",
    "exposures": "Most exposures",
    "highest": "Highest multiplier",
    "lowest": "Lowest multiplier",
}
PAGE_SIZE = 50
MOST_VALUES = 50
SAME = 1e-9
_NEEDED = ("segment", "exposures", "multiplier", "is_default")
_PREFIX = "feature_"
_TABLES: Kept[pa.Table] = Kept(128_000_000, lambda table: int(table.nbytes))

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the table: part of a key, rows that give a value of `feature`, of one `tier`."""

    search: str = ""
    feature: str = ""
    tier: str = ""
    sort: str = "table"
    page: int = 1


class SegmentList:
    """The segment table of a run, beside the multipliers of another run where that is given.

    Raises:
        NotFound: when the table is gone, or lacks a column that the list cannot do without.
    """

    def __init__(self, outputs: RunOutputs, other: RunOutputs | None = None) -> None:
        own = self._table = _table(outputs)
        if other is not None:
            key = _key(outputs), _key(other)
            with suppress(NotFound):  # the list is worth showing without what stood before
                self._table = _TABLES.get(key, lambda: _beside(own, _table(other)))
        self.has_before = "before" in self._table.column_names
        self.features = features_of(self._table)

    def page(self, wanted: Wanted) -> tuple[list[dict[str, Any]], int]:
        """Return a page of rows in the order asked for, and how many rows there are in all."""
        mask = self._mask(wanted)
        rank = self._rank(wanted.sort)
        if rank is not None:
            mask &= rank > 0
        places = np.flatnonzero(mask)
        if rank is not None:
            places = places[np.argsort(-rank[places], kind="stable")]
        start = (wanted.page - 1) * PAGE_SIZE
        return self._rows(places[start : start + PAGE_SIZE]), len(places)

    def row(self, segment: str) -> dict[str, Any]:
        """Return the row of a key.

        Raises:
            NotFound: when the table has none.
        """
        places = np.flatnonzero(_flags(pc.equal(self._table["segment"], segment)))
        if not len(places):
            raise NotFound(f"the table of this run has no row {segment!r}")
        return self._rows(places[:1])[0]

    def values(self, feature: str) -> list[str]:
        """Return the values of a feature that have a row of their own, the most frequent first."""
        alone = self._given(feature)
        for other in self.features:
            if other != feature:
                alone &= ~self._given(other)
        places = np.flatnonzero(alone)
        most = places[np.argsort(-self._floats("exposures")[places], kind="stable")][:MOST_VALUES]
        found: list[str] = self._table[_PREFIX + feature].take(pa.array(most)).to_pylist()
        return found

    def _mask(self, wanted: Wanted) -> Mask:
        mask = np.ones(self._table.num_rows, dtype=bool)
        if wanted.search:
            mask &= _flags(pc.match_substring(self._table["segment"], wanted.search, ignore_case=True))
        if wanted.feature in self.features:
            mask &= self._given(wanted.feature)
        if wanted.tier and "tier" in self._table.column_names:
            mask &= _flags(pc.equal(self._table["tier"], wanted.tier))
        return mask

    def _given(self, feature: str) -> Mask:
        """Return which rows give a value of a feature; one that is itself `*` is told by the key, which escapes it."""
        given = _flags(pc.not_equal(self._table[_PREFIX + feature], WILDCARD))
        place = self.features.index(feature)
        for row in np.flatnonzero(_flags(pc.match_substring(self._table["segment"], "\\" + WILDCARD))):
            given[row] = split_key(self._table["segment"][int(row)].as_py())[place] is not None
        return given

    def _rank(self, sort: str) -> Floats | None:
        """Return by what rows are sorted, the largest first; those of 0 and less are left out. None: as they stand."""
        exposures, multiplier = self._floats("exposures"), self._floats("multiplier")
        beside = ~_flags(self._table["is_default"])
        if sort == "best":
            return exposures * (multiplier - 1) * beside
        if sort == "worst":
            return exposures * (1 - multiplier) * beside
        if sort == "moved" and self.has_before:
            moved = np.abs(np.log(multiplier / np.nan_to_num(self._floats("before"), nan=1.0)))
            return exposures * np.where(moved > SAME, moved, 0.0) * beside
        ranks = {"exposures": exposures + 1, "highest": multiplier * beside, "lowest": beside / multiplier}
        return ranks.get(sort)

    def _floats(self, column: str) -> Floats:
        return np.asarray(self._table[column].to_numpy(), dtype=float)

    def _rows(self, places: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._table.take(pa.array(places, pa.int64())).to_pylist()
        return [row | {"given": given_of(row["segment"], self.features)} for row in rows]


def features_of(table: pa.Table) -> list[str]:
    """Return the features of a segment table, in the order that its keys have."""
    return [name.removeprefix(_PREFIX) for name in table.column_names if name.startswith(_PREFIX)]


def given_of(segment: str, features: Sequence[str]) -> dict[str, str]:
    """Return what a key gives, by feature; nothing for the default row's."""
    return {name: part for name, part in zip(features, split_key(segment), strict=False) if part is not None}


def _key(outputs: RunOutputs) -> str | None:
    row = outputs.rows.get("segments")
    return row.sha256 if row else None


def _table(outputs: RunOutputs) -> pa.Table:
    return _TABLES.get(_key(outputs), lambda: _read(outputs))


def _read(outputs: RunOutputs) -> pa.Table:
    table = parquet_table(outputs.body("segments")).combine_chunks()
    lacking = [name for name in _NEEDED if name not in table.column_names]
    if lacking:
        raise NotFound(f"The segment table of this run lacks {', '.join(lacking)}: an earlier release wrote it.")
    return table


def _beside(table: pa.Table, other: pa.Table) -> pa.Table:
    """Return a table with the multiplier that each row had in another one, whatever order its features stand in."""
    features, was = features_of(table), features_of(other)
    keys = other["segment"].to_pylist()
    if features != was:
        keys = [_reordered(key, was, features) for key in keys]
    before: Mapping[str | None, float] = dict(zip(keys, other["multiplier"].to_pylist(), strict=True))
    column = [before.get(key) for key in table["segment"].to_pylist()]
    return table.append_column("before", pa.array(column, pa.float64()))


def _reordered(key: str, was: Sequence[str], features: Sequence[str]) -> str | None:
    given = given_of(key, was)
    return segment_key(given.get(name) for name in features) if given.keys() <= set(features) else None


def _flags(found: Any) -> Mask:  # noqa: ANN401 - Arrow's arrays have no static type
    return np.array(
        found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), dtype=bool
    )
