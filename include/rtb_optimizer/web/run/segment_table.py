"""The segment table of a run: searched, filtered, sorted and paged in memory.

The table is cached as Arrow columns, about 10 MB for 50,000 rows, so that a page takes milliseconds.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rtb_optimizer.core.sample.values import WILDCARD, segment_key, split_key
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.web.cache import LRUCache
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
_REQUIRED = ("segment", "exposures", "multiplier", "is_default")
_PREFIX = "feature_"
_TABLES: LRUCache[pa.Table] = LRUCache(128_000_000, lambda table: int(table.nbytes))

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """A search for a part of the key, filters by `feature` (rows with a value of it) and `tier`, order and page."""

    search: str = ""
    feature: str = ""
    tier: str = ""
    sort: str = "table"
    page: int = 1


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A row of the table; columns that the release of the run did not write are None."""

    segment: str
    values: Mapping[str, str]
    multiplier: float
    exposures: float
    before: float | None = None
    factor: float | None = None
    factor_low: float | None = None
    factor_high: float | None = None
    tier: str | None = None
    no_bid: bool | None = None
    rows: float | None = None
    outcomes: float | None = None
    events: float | None = None
    expected: float | None = None
    prior: float | None = None
    pooled_factor: float | None = None
    value: float | None = None
    cost: float | None = None


_COLUMNS = {field.name for field in fields(SegmentRow)}


class SegmentTable:
    """The segment table of a run, with the multipliers of another run if there is one.

    Raises:
        NotFound: when the table is gone, or lacks a required column.
    """

    def __init__(self, outputs: RunOutputs, other: RunOutputs | None = None) -> None:
        own = self._table = _table(outputs)
        if other is not None:
            key = _key(outputs), _key(other)
            with suppress(NotFound):  # the table is useful without the other one
                self._table = _TABLES.get(key, lambda: _with_before(own, _table(other)))
        self.has_before = "before" in self._table.column_names
        self.features = feature_names(self._table)

    def page(self, query: SegmentQuery) -> tuple[list[SegmentRow], int]:
        """Return a page of the rows in the order of the query, and the total number of rows."""
        mask = self._mask(query)
        rank = self._rank(query.sort)
        if rank is not None:
            mask &= rank > 0
        indices = np.flatnonzero(mask)
        if rank is not None:
            indices = indices[np.argsort(-rank[indices], kind="stable")]
        start = (query.page - 1) * PAGE_SIZE
        return self._rows(indices[start : start + PAGE_SIZE]), len(indices)

    def row(self, segment: str) -> SegmentRow:
        """Return the row of a key.

        Raises:
            NotFound: when the table has none.
        """
        indices = np.flatnonzero(_flags(pc.equal(self._table["segment"], segment)))
        if not len(indices):
            raise NotFound(f"the table of this run has no row {segment!r}")
        return self._rows(indices[:1])[0]

    def frequent_values(self, feature: str) -> list[str]:
        """Return the values of a feature that have a row of their own, the most frequent first."""
        alone = self._has_value(feature)
        for other in self.features:
            if other != feature:
                alone &= ~self._has_value(other)
        indices = np.flatnonzero(alone)
        most = indices[np.argsort(-self._floats("exposures")[indices], kind="stable")][:MOST_VALUES]
        values: list[str] = self._table[_PREFIX + feature].take(pa.array(most)).to_pylist()
        return values

    def _mask(self, query: SegmentQuery) -> Mask:
        mask = np.ones(self._table.num_rows, dtype=bool)
        if query.search:
            mask &= _flags(pc.match_substring(self._table["segment"], query.search, ignore_case=True))
        if query.feature in self.features:
            mask &= self._has_value(query.feature)
        if query.tier and "tier" in self._table.column_names:
            mask &= _flags(pc.equal(self._table["tier"], query.tier))
        return mask

    def _has_value(self, feature: str) -> Mask:
        """Return which rows have a value of a feature; for a cell `*` the key decides, which escapes the value.

        Earlier releases wrote `*` for any value, too; now that is null.
        """
        has_value = _flags(pc.fill_null(pc.not_equal(self._table[_PREFIX + feature], WILDCARD), fill_value=False))
        position = self.features.index(feature)
        for row in np.flatnonzero(_flags(pc.match_substring(self._table["segment"], "\\" + WILDCARD))):
            has_value[row] = split_key(self._table["segment"][int(row)].as_py())[position] is not None
        return has_value

    def _rank(self, sort: str) -> Floats | None:
        """Return the sort key of the rows, the largest first; rows of 0 and less are left out. None: table order."""
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

    def _rows(self, indices: npt.NDArray[np.int64]) -> list[SegmentRow]:
        known = [name for name in self._table.column_names if name in _COLUMNS]
        rows = self._table.select(known).take(pa.array(indices, pa.int64())).to_pylist()
        return [SegmentRow(**row, values=key_values(row["segment"], self.features)) for row in rows]


def feature_names(table: pa.Table) -> list[str]:
    """Return the features of a segment table, in the order that its keys have."""
    return [name.removeprefix(_PREFIX) for name in table.column_names if name.startswith(_PREFIX)]


def key_values(segment: str, features: Sequence[str]) -> dict[str, str]:
    """Return the values of a key by feature; none for the default row."""
    return {name: part for name, part in zip(features, split_key(segment), strict=False) if part is not None}


def _key(outputs: RunOutputs) -> str | None:
    row = outputs.rows.get("segments")
    return row.sha256 if row else None


def _table(outputs: RunOutputs) -> pa.Table:
    return _TABLES.get(_key(outputs), lambda: _read(outputs))


def _read(outputs: RunOutputs) -> pa.Table:
    table = parquet_table(outputs.body("segments")).combine_chunks()
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise NotFound(f"The segment table of this run lacks {', '.join(missing)}: an earlier release wrote it.")
    return table


def _with_before(table: pa.Table, other: pa.Table) -> pa.Table:
    """Return the table with each row's multiplier in another one, whatever the order of its features."""
    features, other_features = feature_names(table), feature_names(other)
    keys = other["segment"].to_pylist()
    if features != other_features:
        keys = [_reordered(key, other_features, features) for key in keys]
    before: Mapping[str | None, float] = dict(zip(keys, other["multiplier"].to_pylist(), strict=True))
    column = [before.get(key) for key in table["segment"].to_pylist()]
    return table.append_column("before", pa.array(column, pa.float64()))


def _reordered(key: str, key_features: Sequence[str], features: Sequence[str]) -> str | None:
    values = key_values(key, key_features)
    return segment_key(values.get(name) for name in features) if values.keys() <= set(features) else None


def _flags(column: Any) -> Mask:  # noqa: ANN401 - Arrow's arrays have no static type
    return np.array(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(), dtype=bool
    )
