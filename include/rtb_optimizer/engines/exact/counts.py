"""Counts the exact statistics of the published rows in one pass over all rows of the window.

Counted on the codes that Parquet stores where the files allow it, else in SQL: the sums are integers of a millionth,
so that both give the same.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.values import OTHER
from rtb_optimizer.core.table.evidence import term_of
from rtb_optimizer.engines.exact.cell_sums import MEASURES, CellSums
from rtb_optimizer.engines.exact.cells import Term
from rtb_optimizer.engines.exact.grouped_sums import GroupedSums
from rtb_optimizer.engines.exact.key_rows import Features, KeyRows, KeysByFeatures
from rtb_optimizer.engines.exact.measuring import measuring
from rtb_optimizer.engines.parquet.row_groups import Place, RowGroups, within
from rtb_optimizer.engines.passes.profile import counts_of
from rtb_optimizer.engines.progress import Progress
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.grouping import FeatureSet, grouping, parts_of_sets
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import EngineFull, LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Terms = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Counted:
    """The exact statistics of each term by value, and the rows of joint keys by their features and key."""

    statistics: dict[str, dict[str, Counts]]
    rows: Mapping[Features, Mapping[str, int]]


@runtime_checkable
class ReadsRowGroups(Protocol):
    """An engine that also gives access to the files as they are stored."""

    threads: int

    def row_groups(self, columns: Sequence[str]) -> RowGroups | None:
        """Return the files' row groups, or None where only SQL reads them all alike."""

    def measure(self, sql: str, batch: "pa.RecordBatch") -> Mapping[str, NDArray[np.generic]]:
        """Run a statement over a batch as the table `logs`; return its columns in the order of the rows."""


def exact_counts(
    engine: Engine, table: LogTable, terms: Terms, published: Terms, keys: KeysByFeatures | None = None
) -> Counted:
    """Return the statistics of each term's published values, or cells by their key; the rest adds up as `__other__`.

    Args:
        engine: The engine that counts.
        table: The logs.
        terms: The features of each term, by its name.
        published: The canonical values (or cell keys) of each term, by its name.
        keys: Joint keys whose rows alone are counted, in the same pass.

    Raises:
        LogsInvalid: when a file has changed since it was sampled.
    """
    keys = keys or {}
    features = {feature for features in (*terms.values(), *keys) for feature in features}
    columns = sorted({*table.row_columns, *features})
    groups = engine.row_groups(columns) if features and isinstance(engine, ReadsRowGroups) else None
    if groups is None or not isinstance(engine, ReadsRowGroups):
        return counts_in_sql(engine, table, terms, published, keys)
    cells = {name: Term(parts, published[name]) for name, parts in terms.items()}
    rows = KeyRows(keys, table.settings)
    sums = CellSums(cells, rows, table.settings, measuring(table, engine.measure))
    finished, done = count(1), [0.0]
    time = "" if table.settings.timestamp_column in features else table.time_alone

    def add(place: Place) -> None:
        bounds = groups.bounds[place]
        inside = time in bounds and within(bounds[time], groups.types[time], table.window.start, table.window.end)
        try:
            sums.add(groups.read(place, without=[time] if inside else []), bounds)
        except UnicodeDecodeError as problem:
            raise LogsInvalid(f"{groups.urls[place[0]]} holds text that is not UTF-8: {problem}") from problem
        done[0] = next(finished) / len(groups.bounds)

    with Progress("exact statistics", groups.rows, lambda: done[0]), ThreadPoolExecutor(engine.threads) as pool:
        list(pool.map(add, groups.bounds))
    return Counted({name: _named(sums.of(name), published[name]) for name in terms}, rows.by_key())


def counts_in_sql(
    engine: Engine, table: LogTable, terms: Terms, published: Terms, keys: KeysByFeatures | None = None
) -> Counted:
    """Count all terms and keys in SQL, in one scan where the memory allows: see exact_counts."""
    keys = keys or {}
    cells = {name: Term(parts, published[name]) for name, parts in terms.items()}
    of_keys = {term_of(features): Term(features, each) for features, each in keys.items()}
    sums = GroupedSums({**cells, **of_keys}, table.settings)
    for part in parts_of_sets([*terms.values(), *keys]):
        _add_groups(sums, engine, table, part)
    return Counted(
        {name: _named(sums.of(name), published[name]) for name in terms},
        {features: _rows(sums.of(term_of(features)), each) for features, each in keys.items()},
    )


def _add_groups(sums: GroupedSums, engine: Engine, table: LogTable, sets: Sequence[FeatureSet]) -> None:
    """Add the groups of some sets; of fewer at a time where there is no memory for the groups of all."""
    counted = sums.empty()
    sql, numbered = grouping(table, sets)
    try:
        with closing(engine.stream(sql, "exact statistics")) as batches:
            for batch in batches:
                counted.add(batch, numbered)
    except EngineFull:
        if len(sets) == 1:
            raise
        log.info("the groups of %d sets do not fit into memory: they are counted in two scans", len(sets))
        for part in (sets[: len(sets) // 2], sets[len(sets) // 2 :]):
            _add_groups(sums, engine, table, part)
    else:
        sums.merge(counted)


def _named(sums: NDArray[np.int64], published: Sequence[str]) -> dict[str, Counts]:
    """Return the sums by value, of those that occur."""
    names = [*published, OTHER]
    occurring = np.flatnonzero(sums[0])
    return {names[n]: counts_of(dict(zip(MEASURES, sums[:, n].tolist(), strict=True))) for n in occurring}


def _rows(sums: NDArray[np.int64], keys: Sequence[str]) -> dict[str, int]:
    """Return the rows by key, of those that have any."""
    return {key: rows for key, rows in zip(keys, sums[0, :-1].tolist(), strict=True) if rows}
