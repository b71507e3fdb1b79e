"""Looks up what each row of the logs was bid: which tables were live in a window, and what they bid on its rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX, Holdback
from rtb_optimizer.core.realized.elasticity import Following, Response, updated
from rtb_optimizer.core.realized.row_bids import (
    BidMarks,
    BidRecord,
    BidSource,
    LiveTable,
    Move,
    Slot,
    bought_at,
    bought_by_tables,
    is_multiplier,
    live_periods,
    slot_of_day,
)
from rtb_optimizer.core.sample.sample import Bought, Sample
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.compare import table_of
from rtb_optimizer.outputs.published import published
from rtb_optimizer.store import history, runs, validity
from rtb_optimizer.store.schema import Entity, Run, RunDecision


def bid_record(session: Session, entity: Entity, settings: Settings, window: Window) -> BidRecord:
    """Return what is known of the bids of a window's rows when a run begins: the best source, and the live runs."""
    if settings.run_column and not settings.multiplier_column:
        return BidRecord(BidSource.RUN)
    if not settings.bids_follow_tables:
        return BidRecord(BidSource.NONE)
    moves = [_move(session, each) for each in history.moves_before(session, entity, window.end)]
    source = BidSource.MULTIPLIER if settings.multiplier_column else BidSource.HISTORY
    return BidRecord(source, live_periods(moves, window))


@dataclass(frozen=True, slots=True)
class RowBids:
    """The tables that may have bought the rows of a window: by run id, and the ids by run code.

    `lost` are the codes of runs whose tables cannot be read any more: their rows count as bid 1.0. Of the runs in
    `drawn_by_platform` the logs name the control, which the hash of an id then does not draw.
    """

    record: BidRecord
    tables: Mapping[int, LiveTable] = field(default_factory=dict)
    run_ids: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    timezone: str = "UTC"
    drawn_by_platform: frozenset[str] = frozenset()

    @property
    def features(self) -> list[str]:
        """The features that the tables look up."""
        return list(dict.fromkeys(name for live in self.tables.values() for name in live.table.features))

    @property
    def is_known(self) -> bool:
        """Whether any row may have been bid another multiplier than 1."""
        return self.record.source is BidSource.MULTIPLIER or bool(self.tables)

    def measured(
        self, sample: Sample, marks: BidMarks, before: PublishedTable | None, known: Response
    ) -> tuple[Bought | None, Response]:
        """Return how the rows of a sample were bought, and how volume followed the bids.

        Args:
            sample: The rows; it has the features of the tables, and of `before`, as far as the logs do.
            marks: What tells the bid of each row.
            before: The active run's table.
            known: What was known of the response of volume when that was made.
        """
        if not self.is_known:
            return None, known
        bought = self._bought(sample, marks, 1.0)
        response = known if before is None else updated(known, before, sample, bought)
        if response.following is Following.NOT_LIVE:
            return replace(bought, volume=np.ones(len(marks.codes))), response
        return self._bought(sample, marks, response.assumed), response

    def unknown(self, sample: Sample, marks: BidMarks) -> float:
        """Return the share of the exposures whose bid is not known: a table that is lost, or what is no multiplier."""
        if self.record.source is BidSource.MULTIPLIER:
            is_unknown = ~is_multiplier(marks.multiplier)
        elif self.record.source is BidSource.RUN:
            named = [(value, self.run_ids.get(_run_code(value or ""))) for value in marks.values]
            lost = np.array([bool(code) and run_id not in self.tables for code, run_id in named], dtype=bool)
            is_unknown = lost.take(marks.codes)
        else:
            return 0.0
        return float(sample.exposure[is_unknown].sum() / sample.exposure.sum())

    def slot(self, mark: object) -> Slot:
        """Return what bought the rows with a mark: the code of a run, a day, or the place of a period."""
        periods = self.record.periods
        if isinstance(mark, date):
            return slot_of_day(mark, periods, self.tables, self.timezone)
        run_id = self.run_ids.get(_run_code(mark)) if isinstance(mark, str) else None
        if isinstance(mark, int):
            run_id = periods[mark].run_id
        return Slot([(1.0, self.tables.get(run_id or 0))])

    def holdbacks(self, days: Sequence[date], *, timed: bool) -> dict[object, Holdback]:
        """Return the rule that draws the control by mark, of those whose table had one.

        Args:
            days: The local days of the window.
            timed: Whether rows have a time of day: marks are then the places of periods, else days.
        """
        marks: Sequence[object] = range(len(self.record.periods)) if timed else days
        if self.record.source is BidSource.RUN:
            marks = [code for code in self.run_ids if code not in self.drawn_by_platform]
        main = {mark: self.slot(mark).main for mark in marks}
        return {mark: live.rule for mark, live in main.items() if live is not None and live.rule is not None}

    def _bought(self, sample: Sample, marks: BidMarks, elasticity: float) -> Bought:
        if self.record.source is BidSource.MULTIPLIER:
            return bought_at(marks.multiplier, elasticity)
        return bought_by_tables(sample, marks.codes, [self.slot(value) for value in marks.values], elasticity)


NO_BIDS = RowBids(BidRecord(BidSource.NONE))
"""Nothing is known: all rows count as bid 1.0."""


def row_bids(
    session: Session, entity: Entity, record: BidRecord, named: Sequence[str | None], timezone: str
) -> RowBids:
    """Read the tables that may have bought the rows of a window.

    Args:
        session: On the catalog.
        entity: The entity of the logs.
        record: What the run's snapshot knows of the bids.
        named: The run codes that the logs name, where a column names them.
        timezone: Of the window's days.
    """
    if record.source is BidSource.RUN:
        found = runs.by_code(session, entity.entity_id, {_run_code(name) for name in named if name})
    else:
        found = runs.by_id(session, {period.run_id for period in record.periods if period.run_id is not None})
    tables, lost = _tables(session, entity, found)
    drawn = frozenset(_run_code(name) for name in named if name and name.endswith(CONTROL_SUFFIX))
    return RowBids(record, tables, {run.run_code: run.run_id for run in found}, lost, timezone, drawn)


def _tables(session: Session, entity: Entity, live: Collection[Run]) -> tuple[dict[int, LiveTable], tuple[str, ...]]:
    tables, lost = {}, []
    for run in live:
        try:
            read = published(session, run)
            rule = Holdback.of(read.config, entity.entity_code)
            tables[run.run_id] = LiveTable(run.run_id, table_of(read), read.settings.holdback_share, rule)
        except NotFound:
            lost.append(run.run_code)
    return tables, tuple(lost)


def _run_code(name: str) -> str:
    """Return the code of the run whose holdback, or whose table, a model version names."""
    return name.removesuffix(CONTROL_SUFFIX)


def _move(session: Session, decision: RunDecision) -> Move:
    target = decision.to_run_id if decision.decision == Decision.STOOD_DOWN else decision.run_id
    if target is None:
        return Move(None, decision.decided_at, None)
    until = validity.run_valid_until(session, session.get_one(Run, target), decision.decided_at)
    return Move(target, decision.decided_at, until)
