"""Finds the multiplier that each row of the logs was bought at, by the best source there is.

The logs of a night were bought by the table that was live then: spend and volume are taken relative to
the bid of the row, or a run would count its own bids twice. In order: a column with the multiplier, a column with the
name of the run, the decision history with the row's time, and none, where bids do not follow the tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.config.window import Window, midnight, zone
from rtb_optimizer.core.realized.arms import Holdback
from rtb_optimizer.core.sample.sample import Bought, Floats, Ints, Mask, Sample
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.replay import bids_of, is_bid_on

SMALLEST_VOLUME = 1e-3
"""A row weighs no more than a thousand times what it cost, however small the bid that is said to have bought it."""


class BidSource(StrEnum):
    """Where the bid of a row comes from."""

    MULTIPLIER = "multiplier_column"
    RUN = "run_column"
    HISTORY = "history"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LivePeriod:
    """A part of a window, `[start, end)`, and the run whose table bidders read then; None where there was none.

    Beside it a challenger's run may have bid on a share of the requests.
    """

    run_id: int | None
    start: datetime
    end: datetime
    challenger_run_id: int | None = None
    challenger_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """A move of a pointer: bidders read the run from `at` until it is no longer valid, or the next move.

    `share` is the share of the requests that a challenger's run bids on.
    """

    run_id: int | None
    at: datetime
    valid_until: datetime | None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class BidRecord:
    """The source of the bids of a window's rows, and the runs that were live, as a run's snapshot freezes them."""

    source: BidSource
    periods: tuple[LivePeriod, ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Self:
        """Return the record that a snapshot holds; a run of an earlier release has none."""
        if not stored:
            return cls(BidSource.NONE)
        periods = (
            LivePeriod(run_id, datetime.fromisoformat(start), datetime.fromisoformat(end), *challenger)
            for run_id, start, end, *challenger in stored["periods"]
        )
        return cls(BidSource(stored["source"]), tuple(periods))

    def document(self) -> dict[str, Any]:
        """Return the record as a snapshot stores it."""
        periods = [
            [
                *(each.run_id, each.start.isoformat(), each.end.isoformat()),
                *((each.challenger_run_id, each.challenger_share) if each.challenger_run_id else ()),
            ]
            for each in self.periods
        ]
        return {"source": self.source.value, "periods": periods}


def live_periods(moves: Sequence[Move], window: Window, challenging: Sequence[Move] = ()) -> tuple[LivePeriod, ...]:
    """Return which runs were live in each part of a window; the periods follow each other and fill it.

    Args:
        moves: The moves of the pointer, the oldest first.
        window: The window.
        challenging: The same of the challenger's run; it is live beside an active run alone.
    """
    active = _filled(moves, window)
    if not any(move.run_id for move in challenging):
        return active
    beside = _filled(challenging, window)
    shares = {move.run_id: move.share for move in challenging}
    edges = sorted({each.start for each in (*active, *beside)} | {window.end})
    periods = []
    for start, end in pairwise(edges):
        run_id, other = (next(p.run_id for p in of if p.start <= start < p.end) for of in (active, beside))
        found = (other, shares[other]) if run_id is not None and other is not None else (None, 0.0)
        periods.append(LivePeriod(run_id, start, end, *found))
    return tuple(periods)


def _filled(moves: Sequence[Move], window: Window) -> tuple[LivePeriod, ...]:
    periods = []
    for n, move in enumerate(moves):
        ends = [move.valid_until, window.end, moves[n + 1].at if n + 1 < len(moves) else None]
        start, end = max(move.at, window.start), min(end for end in ends if end is not None)
        if start < end:
            periods.append(LivePeriod(move.run_id, start, end))
    filled, reached = list[LivePeriod](), window.start
    for period in periods:
        if period.start > reached:
            filled.append(LivePeriod(None, reached, period.start))
        filled.append(period)
        reached = period.end
    return (*filled, LivePeriod(None, reached, window.end)) if reached < window.end else tuple(filled)


@dataclass(frozen=True, slots=True)
class BidMarks:
    """What bought each row, as `engines.sql.bids` has it: arrays of one length n.

    `values[codes[i]]` is row i's mark: the code of a run, the place of a period, or a day. `multiplier` is NaN where
    the logs tell none; `is_control` are the rows bid 1.0 on purpose, `is_challenger` those of a challenger's share.
    """

    codes: Ints
    values: Sequence[Any]
    multiplier: Floats
    is_control: Mask
    is_challenger: Mask
    day: NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class LiveTable:
    """The table of a run that bidders read, and the share of requests that was bid a multiplier of 1 beside it.

    `rule` is what draws these requests, None where the platform does, or there are none.
    """

    run_id: int
    table: PublishedTable
    holdback: float = 0.0
    rule: Holdback | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """The tables that bought rows with one mark, each with its share of the time; None for a multiplier of 1."""

    tables: Sequence[tuple[float, LiveTable | None]]

    @property
    def main(self) -> LiveTable | None:
        """The table that bought most of them."""
        return max(self.tables, key=lambda each: each[0])[1] if self.tables else None


def live_table(period: LivePeriod, tables: Mapping[int, LiveTable], *, is_challenger: bool) -> LiveTable | None:
    """Return the table that bid on the rows of a period: of a challenger's share its own, else the active run's.

    Without a challenger's share, the share that is held back is that of the other requests.
    """
    if is_challenger and period.challenger_run_id is not None:
        live = tables.get(period.challenger_run_id)
        return None if live is None else replace(live, holdback=0.0)
    live = tables.get(period.run_id or 0)
    if live is None or not period.challenger_share:
        return live
    return replace(live, holdback=live.holdback / (1 - period.challenger_share))


def slot_of_day(
    day: date,
    periods: Sequence[LivePeriod],
    tables: Mapping[int, LiveTable],
    timezone: str,
    *,
    is_challenger: bool = False,
) -> Slot:
    """Return the slot of a local day: rows without a time were bought by each table for its share of the day."""
    tz = zone(timezone)
    start, end = midnight(day, tz), midnight(day + timedelta(days=1), tz)
    parts = [
        (
            (min(period.end, end) - max(period.start, start)) / (end - start),
            live_table(period, tables, is_challenger=is_challenger),
        )
        for period in periods
        if period.start < end and period.end > start
    ]
    rest = 1.0 - sum(share for share, _ in parts)
    return Slot([*parts, (rest, None)] if rest > 0 else parts)


def bought_by_tables(sample: Sample, codes: Ints, slots: Sequence[Slot], elasticity: float) -> Bought:
    """Return how rows were bought by the tables of their slots.

    With a holdback, all rows of a value are weighed by the mean over both arms (the balance heuristic of Veach and
    Guibas, 1995): those of a value that is not bid on come from the holdback alone, and stand for all of its traffic.

    Args:
        sample: The rows, with the features of the tables as far as the logs have them.
        codes: The slot of each row (n integers).
        slots: The slots.
        elasticity: The power of the multiplier that volume follows.
    """
    log_bid, volume = np.zeros(len(codes)), np.zeros(len(codes))
    for number, slot in enumerate(slots):
        rows = np.flatnonzero(codes == number)
        if not len(rows):
            continue
        part = sample.at(rows)
        for share, live in slot.tables:
            if live is None:
                volume[rows] += share
                continue
            bid = bids_of(live.table, part)
            is_treated = np.full(len(rows), 1 - live.holdback)
            if live.holdback > 0:  # without one, a row in the logs was bid on, whatever the table says
                is_treated *= is_bid_on(live.table, part)
            treated = is_treated * bid**elasticity
            both = treated + live.holdback
            log_bid[rows] += share * np.log(bid) * treated / both
            volume[rows] += share * both
    return Bought(np.exp(log_bid), np.maximum(volume, SMALLEST_VOLUME), elasticity)


def bought_at(multiplier: Floats, elasticity: float) -> Bought:
    """Return how rows were bought whose multipliers the logs name (n floats); one that is no bid counts as 1."""
    bid = np.where(is_multiplier(multiplier), multiplier, 1.0)
    return Bought(bid, np.maximum(bid**elasticity, SMALLEST_VOLUME), elasticity)


def is_multiplier(multiplier: Floats) -> Mask:
    """Return which numbers can be a multiplier (n booleans)."""
    known: Mask = np.isfinite(multiplier) & (multiplier > 0)
    return known
