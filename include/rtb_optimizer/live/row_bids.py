"""Looks up what each row of the logs was bid: which tables were live in a window, and what they bid on its rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX, ArmRules, ChallengerRule, Holdback
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
    live_table,
    slot_of_day,
)
from rtb_optimizer.core.sample.sample import Bought, Sample
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.compare import table_of
from rtb_optimizer.outputs.published import published
from rtb_optimizer.store import challenger_runs, history, runs, validity
from rtb_optimizer.store.schema import Challenger, Entity, Run, RunDecision


def bid_record(session: Session, entity: Entity, settings: Settings, window: Window) -> BidRecord:
    """Return the best source of the bids of a window's rows when a run begins, and the runs that were live."""
    if settings.run_column and not settings.multiplier_column:
        return BidRecord(BidSource.RUN)
    if not settings.bids_follow_tables:
        return BidRecord(BidSource.NONE)
    moves = [_move(session, each) for each in history.moves_before(session, entity, window.end)]
    source = BidSource.MULTIPLIER if settings.multiplier_column else BidSource.HISTORY
    return BidRecord(source, live_periods(moves, window, _challenging(session, entity, window)))


@dataclass(frozen=True, slots=True)
class RowBids:
    """The tables that may have bought the rows of a window: by run id, and the ids by run code.

    `lost` are the codes of runs whose tables cannot be read any more: their rows count as bid 1.0. Of the runs in
    `drawn_by_platform` the logs name the control, which the hash of an id then does not draw. `challenger_runs` are the
    ids of runs that bid on a challenger's share alone, `entity_code` is part of the salt that draws it.
    """

    record: BidRecord
    tables: Mapping[int, LiveTable] = field(default_factory=dict)
    run_ids: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    timezone: str = "UTC"
    drawn_by_platform: frozenset[str] = frozenset()
    challenger_runs: frozenset[int] = frozenset()
    challenger_rules: Mapping[int, ChallengerRule] = field(default_factory=dict)

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
            marks: What identifies the bid of each row.
            before: The active run's table.
            known: The response of volume as measured when that was made.
        """
        if not self.is_known:
            return None, known

        def bought(elasticity: float) -> Bought:
            return self._bought(sample, marks, elasticity)

        response = known if before is None else updated(known, before, sample, bought)
        found = bought(response.assumed)
        if response.following is Following.NOT_LIVE:
            found = replace(found, volume=np.ones(len(marks.codes)))
        return found, response

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

    def slot(self, mark: object, *, is_challenger: bool = False) -> Slot:
        """Return what bought the rows with a mark: the code of a run, a day, or the place of a period.

        With `is_challenger`, those of them that are of a challenger's share.
        """
        periods = self.record.periods
        if isinstance(mark, date):
            return slot_of_day(mark, periods, self.tables, self.timezone, is_challenger=is_challenger)
        if isinstance(mark, int):
            return Slot([(1.0, live_table(periods[mark], self.tables, is_challenger=is_challenger))])
        run_id = self.run_ids.get(_run_code(mark)) if isinstance(mark, str) else None
        return Slot([(1.0, self.tables.get(run_id or 0))])

    def arm_rules(self, days: Sequence[date], *, timed: bool) -> ArmRules:
        """Return what draws the arm of a row, by its mark.

        Args:
            days: The local days of the window.
            timed: Whether rows have a time of day: marks are then the places of periods, else days.
        """
        challenging = [code for code, run_id in self.run_ids.items() if run_id in self.challenger_runs]
        if self.record.source is BidSource.RUN:
            drawn = [c for c in self.run_ids if c not in self.drawn_by_platform and c not in challenging]
            return ArmRules(self._holdbacks(drawn), challenger_runs=challenging)
        marks: Sequence[object] = range(len(self.record.periods)) if timed else days
        bought = {mark: self.slot(mark, is_challenger=True).main for mark in marks}
        rules = {mark: self.challenger_rules.get(live.run_id) for mark, live in bought.items() if live is not None}
        return ArmRules(self._holdbacks(marks), {mark: rule for mark, rule in rules.items() if rule is not None})

    def _holdbacks(self, marks: Sequence[object]) -> dict[object, Holdback]:
        main = {mark: self.slot(mark).main for mark in marks}
        return {mark: live.rule for mark, live in main.items() if live is not None and live.rule is not None}

    def _bought(self, sample: Sample, marks: BidMarks, elasticity: float) -> Bought:
        if self.record.source is BidSource.MULTIPLIER:
            return bought_at(marks.multiplier, elasticity)
        slots = [self.slot(value, is_challenger=of) for of in (False, True) for value in marks.values]
        codes = marks.codes + len(marks.values) * marks.is_challenger
        return bought_by_tables(sample, codes, slots, elasticity)


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
        live = [run_id for each in record.periods for run_id in (each.run_id, each.challenger_run_id)]
        found = runs.by_id(session, {run_id for run_id in live if run_id is not None})
    tables, lost = _tables(session, entity, found, record.source)
    drawn = frozenset(_run_code(name) for name in named if name and name.endswith(CONTROL_SUFFIX))
    shares = {each.challenger_run_id: each.challenger_share for each in record.periods if each.challenger_run_id}
    return RowBids(
        record,
        tables,
        {run.run_code: run.run_id for run in found},
        lost,
        timezone,
        drawn,
        frozenset(run.run_id for run in found if run.is_challenger),
        {
            run.run_id: ChallengerRule.of(_values(run), entity.entity_code, shares[run.run_id])
            for run in found
            if run.run_id in shares
        },
    )


def _values(run: Run) -> Mapping[str, Any]:
    return RunSnapshot.read(run.config_snapshot).values


def _tables(
    session: Session, entity: Entity, live: Collection[Run], source: BidSource
) -> tuple[dict[int, LiveTable], tuple[str, ...]]:
    """Return the tables of runs, and the codes of those whose table is lost.

    Where the logs name the run, a challenger's share is known by that: what is held back is a share of the others.
    """
    tables, lost = {}, []
    for run in live:
        try:
            read = published(session, run)
            rule = Holdback.of(read.config, entity.entity_code)
            holdback = read.settings.holdback_share
            if source is BidSource.RUN:
                holdback = 0.0 if run.is_challenger else holdback / (1 - challenger_runs.share_beside(session, run))
            tables[run.run_id] = LiveTable(run.run_id, table_of(read), holdback, rule)
        except NotFound:
            lost.append(run.run_code)
    return tables, tuple(lost)


def _run_code(name: str) -> str:
    """Return the code of the run whose holdback, or whose table, a model version names."""
    return name.removesuffix(CONTROL_SUFFIX)


def _challenging(session: Session, entity: Entity, window: Window) -> list[Move]:
    """Return which challenger's run was live since when, and its share; the end of a challenger is a move to none."""
    moves = []
    for decision in history.challenging_before(session, entity, window.end):
        run = session.get_one(Run, decision.run_id)
        share = session.get_one(Challenger, run.challenger_id).share
        goes_on = decision.decision == Decision.CHALLENGING
        until = validity.run_valid_until(session, run, decision.decided_at) if goes_on else None
        moves.append(Move(run.run_id if goes_on else None, decision.decided_at, until, share))
    return moves


def _move(session: Session, decision: RunDecision) -> Move:
    target = decision.to_run_id if decision.decision == Decision.STOOD_DOWN else decision.run_id
    if target is None:
        return Move(None, decision.decided_at, None)
    until = validity.run_valid_until(session, session.get_one(Run, target), decision.decided_at)
    return Move(target, decision.decided_at, until)
