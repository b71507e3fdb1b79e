"""Sums the outcomes of the tables that were live in a window, by day and arm, beside the predicted ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from rtb_optimizer.core.config.window import Window, dates_of, midnight, zone
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.calibration import Group, deciles, groups_off
from rtb_optimizer.core.realized.row_bids import BidMarks
from rtb_optimizer.core.sample.sample import Mask
from rtb_optimizer.core.table.replay import predicted_rates
from rtb_optimizer.engines.passes.arms import ArmCounts
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.live.row_bids import RowBids
from rtb_optimizer.outputs.documents.live import LiveDayDocument, LiveDocument

LiveDay = tuple[int, date, Arm]


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a run predicted for some rows: an estimate from the sample, and its variance."""

    total: float
    variance: float


@dataclass(frozen=True, slots=True)
class LiveFindings:
    """What live tables predicted by run, day and arm, and how right they were: by deciles of rates, and by value."""

    predicted: Mapping[LiveDay, Predicted] = field(default_factory=dict)
    deciles: tuple[Mapping[str, float], ...] = ()
    groups_off: tuple[Group, ...] = ()


NOTHING_LIVE = LiveFindings()


def live_findings(bids: RowBids, drawn: Drawn) -> LiveFindings:
    """Return what the live tables predicted for the rows that they bid on, estimated without bias from the sample.

    The sample has the features of these tables. Its rows stand for others by the inverse of their share, which gives
    the variance of each sum (Horvitz and Thompson, 1952).
    """
    sample, marks, found = drawn.sample, drawn.bid_marks, dict[LiveDay, Predicted]()
    of_row, features = np.full(len(marks.codes), np.nan), dict[str, None]()
    days, day = np.unique(marks.day, return_inverse=True)
    for code, mark in enumerate(marks.values):
        for arm, of_arm in _by_arm(marks):
            live = bids.slot(mark, is_challenger=arm is Arm.CHALLENGER).main
            rows = np.flatnonzero((marks.codes == code) & of_arm)
            if live is None or not len(rows):
                continue
            part = sample.at(rows)
            effective = part.exposure * predicted_rates(live.table, part)
            expected = effective * sample.stands_for
            if arm is not Arm.CHALLENGER:  # how right the active tables are is not a question of another one
                of_row[rows] = effective / sample.unit
                features |= dict.fromkeys(name for name in live.table.features if name in sample.features)
            sums = np.bincount(day[rows], expected, len(days))
            squares = np.bincount(day[rows], expected**2 * (1 - drawn.shares.others), len(days))
            for place in np.unique(day[rows]).tolist():
                key = (live.run_id, days[place].astype(object), arm)
                known = found.get(key, Predicted(0.0, 0.0))
                found[key] = Predicted(known.total + float(sums[place]), known.variance + float(squares[place]))
    bid_on = np.flatnonzero(np.isfinite(of_row))
    if not len(bid_on):
        return NOTHING_LIVE
    part, predicted = sample.at(bid_on), of_row[bid_on]
    return LiveFindings(found, deciles(part, predicted), tuple(groups_off(part, predicted, features)))


def _by_arm(marks: BidMarks) -> Sequence[tuple[Arm, Mask]]:
    treated = ~(marks.is_control | marks.is_challenger)
    return (Arm.TREATED, treated), (Arm.CONTROL, marks.is_control), (Arm.CHALLENGER, marks.is_challenger)


def live_document(
    bids: RowBids, counted: Iterable[ArmCounts], predicted: Mapping[LiveDay, Predicted], window: Window
) -> LiveDocument:
    """Return the outcomes of the live tables on the whole days of a window."""
    whole, by_day = set(_whole_days(window, bids.timezone)), defaultdict[LiveDay, list[ArmCounts]](list)
    for each in counted:
        arm = Arm.CONTROL if each.is_control else Arm.CHALLENGER if each.is_challenger else Arm.TREATED
        live = bids.slot(each.mark, is_challenger=arm is Arm.CHALLENGER).main
        if live is not None and each.day in whole:
            by_day[live.run_id, each.day, arm].append(each)
    return LiveDocument(
        days=tuple(
            _day(key, parts, predicted.get(key, Predicted(0.0, 0.0)))
            for key, parts in sorted(by_day.items(), key=lambda item: (item[0][1], item[0][0], item[0][2]))
        )
    )


def _day(key: LiveDay, parts: Sequence[ArmCounts], predicted: Predicted) -> LiveDayDocument:
    run_id, day, arm = key
    buckets = defaultdict[str, tuple[float, float, float, float]](lambda: (0.0, 0.0, 0.0, 0.0))
    for part in parts:
        c, (n, k, v, s) = part.counts, buckets[part.bucket]
        buckets[part.bucket] = (n + c.exposure, k + c.outcome, v + c.value, s + c.cost)
    exposures, outcomes, value, cost = (float(sum(column)) for column in zip(*buckets.values(), strict=True))
    return LiveDayDocument(
        run_id=run_id,
        day=f"{day}",
        arm=arm.value,
        rows=sum(part.counts.rows for part in parts),
        exposures=exposures,
        outcomes=outcomes,
        value=value,
        cost=cost,
        predicted=predicted.total,
        predicted_error=predicted.variance**0.5,
        buckets=dict(sorted(buckets.items())),
    )


def _whole_days(window: Window, timezone: str) -> list[date]:
    """Return the local days that lie in a window from end to end: a part of a day is no day's outcome."""
    tz = zone(timezone)
    return [
        day
        for day in dates_of(window, tz)
        if midnight(day, tz) >= window.start and midnight(day + timedelta(days=1), tz) <= window.end
    ]
