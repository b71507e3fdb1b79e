"""Compares two tables row by row, and aggregates the changes.

A row's total multiplier is its own times the default row's: the bid of a request of which nothing else is known. A
row that one of the tables does not have is 1.0 there, as the default.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose, log

import numpy as np

from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.table.causes import Causes, causes_of_moved_rows, causes_of_unmatched_rows
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable

SAME = 1e-9
"""Relative tolerance within which two multipliers are equal."""


class Kind(StrEnum):
    """How a row changed."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    MOVED = "moved"
    STAYED = "stayed"  # its own multiplier is unchanged; its total one follows the default row's


@dataclass(frozen=True, slots=True)
class Change:
    """A row of either table: its total multiplier, and the parts that add up to the change of its log.

    `weight` is the row's exposures, the mean of both tables' where both have it.
    """

    segment: str
    given: dict[str, str]
    kind: Kind
    weight: float
    before: float
    after: float
    data: float
    model: float
    config: float
    normaliser: float

    @property
    def own(self) -> float:
        """The change of the log of the row's own multiplier."""
        return self.data + self.model + self.config

    @property
    def whole(self) -> float:
        """The change of the log of the total multiplier."""
        return self.own + self.normaliser


def changes(before: PublishedTable, after: PublishedTable) -> list[Change]:
    """Return every row of either table but the default, by falling exposures times absolute change."""
    base = before.base_multiplier, after.base_multiplier
    shared = [pattern for pattern in after.rows if pattern in before.rows]
    was, now = [before.rows[pattern] for pattern in shared], [after.rows[pattern] for pattern in shared]
    new = [row for pattern, row in after.rows.items() if pattern not in before.rows]
    gone = [row for pattern, row in before.rows.items() if pattern not in after.rows]
    rows = [
        *_changes(was, now, causes_of_moved_rows(was, now, before, after), base),
        *_changes([None] * len(new), new, causes_of_unmatched_rows(new, after, before), base),
        *_changes(gone, [None] * len(gone), _reversed(causes_of_unmatched_rows(gone, before, after)), base),
    ]
    return sorted(rows, key=lambda change: (-change.weight * abs(change.whole), change.segment))


def mean_change(rows: Sequence[Change]) -> float:
    """Return the mean absolute change of the log of the total multiplier, by exposures; 0 without any."""
    exposures = sum(change.weight for change in rows)
    return sum(change.weight * abs(change.whole) for change in rows) / exposures if exposures > 0 else 0.0


def rank_correlation(before: PublishedTable, after: PublishedTable) -> float | None:
    """Return Spearman's correlation of the own multipliers of rows in both; None where they do not vary."""
    shared = [pattern for pattern in after.rows if pattern in before.rows]
    was, now = (_ranks(np.array([table.rows[pattern].multiplier for pattern in shared])) for table in (before, after))
    if not shared or np.ptp(was) == 0 or np.ptp(now) == 0:
        return None
    return float(np.corrcoef(was, now)[0, 1])


Row = PublishedRow | None
Base = tuple[float, float]


def _changes(before: Sequence[Row], after: Sequence[Row], causes: Causes, base: Base) -> Iterator[Change]:
    """Yield the change of each row, `before` aligned with `after`; `base`: the default row's multipliers."""
    parts = zip(causes.data.tolist(), causes.model.tolist(), causes.config.tolist(), strict=True)
    for was, now, (data, model, config) in zip(before, after, parts, strict=True):
        present = [row for row in (was, now) if row is not None]
        yield Change(
            segment=present[-1].segment,  # the newer table's key, where it has the row
            given=dict(sorted(present[-1].pattern)),
            kind=_kind(was, now),
            weight=sum(row.exposure for row in present) / len(present),
            before=base[0] * (was.multiplier if was else 1.0),
            after=base[1] * (now.multiplier if now else 1.0),
            data=data,
            model=model,
            config=config,
            normaliser=log(base[1] / base[0]),
        )


def _kind(was: Row, now: Row) -> Kind:
    if was is None or now is None:
        return Kind.APPEARED if was is None else Kind.VANISHED
    return Kind.STAYED if isclose(was.multiplier, now.multiplier, rel_tol=SAME) else Kind.MOVED


def _reversed(causes: Causes) -> Causes:
    """Return the causes of the reverse change: to 1."""
    return Causes(0 - causes.data, 0 - causes.model, 0 - causes.config)  # unary minus would give negative zeros


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, the mean rank for ties."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place])
