"""What changed between two tables, row by row, and what does it come to?

A row's total multiplier is its own times the default row's: what a request is bid that nothing else is known of. A
row that one of the tables does not have is 1.0 there: what the default says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose, log

import numpy as np

from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.table.causes import Causes, causes_of_move, causes_of_standing_alone
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable

SAME = 1e-9
"""Multipliers nearer to each other than this part of themselves are the same."""


class Kind(StrEnum):
    """What became of a row."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    MOVED = "moved"
    STAYED = "stayed"  # its own multiplier did: its total one follows the default row's


@dataclass(frozen=True, slots=True)
class Change:
    """A row of either table: its total multiplier, and the parts that the change of its log is the sum of.

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
    """Return every row of either table but the default, those first that move most of the traffic by most."""
    level = before.level, after.level
    shared = [given for given in after.rows if given in before.rows]
    was, now = [before.rows[given] for given in shared], [after.rows[given] for given in shared]
    new = [row for given, row in after.rows.items() if given not in before.rows]
    gone = [row for given, row in before.rows.items() if given not in after.rows]
    found = [
        *_changes(was, now, causes_of_move(was, now, before, after), level),
        *_changes([None] * len(new), new, causes_of_standing_alone(new, after, before), level),
        *_changes(gone, [None] * len(gone), _undone(causes_of_standing_alone(gone, before, after)), level),
    ]
    return sorted(found, key=lambda change: (-change.weight * abs(change.whole), change.segment))


def mean_change(found: Sequence[Change]) -> float:
    """Return the mean absolute change of the log of the total multiplier, by exposures; 0 without any."""
    exposures = sum(change.weight for change in found)
    return sum(change.weight * abs(change.whole) for change in found) / exposures if exposures > 0 else 0.0


def rank_correlation(before: PublishedTable, after: PublishedTable) -> float | None:
    """Return Spearman's correlation of the own multipliers of rows in both; None where there is no order to compare."""
    shared = [given for given in after.rows if given in before.rows]
    was, now = (_ranks(np.array([table.rows[given].multiplier for given in shared])) for table in (before, after))
    if not shared or np.ptp(was) == 0 or np.ptp(now) == 0:
        return None
    return float(np.corrcoef(was, now)[0, 1])


Row = PublishedRow | None
Level = tuple[float, float]


def _changes(before: Sequence[Row], after: Sequence[Row], causes: Causes, level: Level) -> Iterator[Change]:
    """Yield the change of each row, `before` beside `after`; `level` is the default row's multiplier, old and new."""
    parts = zip(causes.data.tolist(), causes.model.tolist(), causes.config.tolist(), strict=True)
    for was, now, (data, model, config) in zip(before, after, parts, strict=True):
        stands = [row for row in (was, now) if row is not None]
        yield Change(
            segment=stands[-1].segment,  # as the newer table spells it, where that has it
            given=dict(sorted(stands[-1].given)),
            kind=_kind(was, now),
            weight=sum(row.exposure for row in stands) / len(stands),
            before=level[0] * (was.multiplier if was else 1.0),
            after=level[1] * (now.multiplier if now else 1.0),
            data=data,
            model=model,
            config=config,
            normaliser=log(level[1] / level[0]),
        )


def _kind(was: Row, now: Row) -> Kind:
    if was is None or now is None:
        return Kind.APPEARED if was is None else Kind.VANISHED
    return Kind.STAYED if isclose(was.multiplier, now.multiplier, rel_tol=SAME) else Kind.MOVED


def _undone(causes: Causes) -> Causes:
    """Return the causes of the way back: to 1."""
    return Causes(0 - causes.data, 0 - causes.model, 0 - causes.config)  # a minus alone would make zeros negative


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, that of ties being their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place])
