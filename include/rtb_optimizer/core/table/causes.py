"""Why is a row's multiplier another? Each change of its log, split into what the data, the model and the rules did.

The multiplier is worked out again with one thing changed at a time: first the counts, then what the model expects,
last the rules. Each step's change is one cause, so that they add up to the whole; what working it out again does not
explain is the rules' too, unless these stayed: then a limit on movement held the other causes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from rtb_optimizer.core.model.fit import Factor, Sums, shrunk, tempered_factor
from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.table.bidding import multipliers, rate_intervals
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale
from rtb_optimizer.core.table.rows import SegmentRules, expected_deviance

SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Causes:
    """Parts of the change of the log of each row's own multiplier: arrays of one length, a row each."""

    data: Floats
    model: Floats
    config: Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as arrays of one length."""

    exposure: Floats
    outcome: Floats
    expected: Floats
    prior: Floats
    multiplier: Floats

    @classmethod
    def of(cls, rows: Sequence[PublishedRow]) -> Self:
        """Return the rows' columns."""
        taken = [(r.exposure, r.outcome, r.expected, r.prior, r.multiplier) for r in rows]
        return cls(*np.array(taken, dtype=float).reshape(-1, 5).T)


def acted(seen: Columns, expected: Floats, prior: Floats, rules: SegmentRules, scale: Scale) -> Floats:
    """Return the multiplier that the rules give each row; 1 in the dead band, where there would be no row."""
    factor = _factor(seen, expected, prior, scale)
    bids = multipliers(*rate_intervals(factor, rules.bids.confidence, scale.link), rules.bids)
    return np.where(np.abs(factor.theta - 1) < rules.dead_band, 1.0, bids)


def causes_of_move(
    before: Sequence[PublishedRow], after: Sequence[PublishedRow], old: PublishedTable, new: PublishedTable
) -> Causes:
    """Return why rows moved that stand in both tables, one beside the other."""
    was, now = Columns.of(before), Columns.of(after)
    grown = np.divide(now.exposure, was.exposure, out=np.ones_like(was.exposure), where=was.exposure > 0)
    start = np.log(acted(was, was.expected, was.prior, old.rules, old.scale))
    counted = np.log(acted(now, was.expected * grown, was.prior, old.rules, old.scale))
    modelled = np.log(acted(now, now.expected, now.prior, old.rules, new.scale))
    whole = np.log(now.multiplier) - np.log(was.multiplier)
    data, model = counted - start, modelled - counted
    if old.rules == new.rules:
        return _held_back(data, model, whole)
    return Causes(data, model, whole - data - model)


def _held_back(data: Floats, model: Floats, whole: Floats) -> Causes:
    """Return the causes of moves under rules that stayed: what a limit on movement leaves of data and model.

    What moves the other way, or without either, catches up with what data did in an earlier run.
    """
    explained = data + model
    left = np.divide(whole, explained, out=np.full_like(whole, -1.0), where=np.abs(explained) > SAME)
    within = (left >= 0) & (left <= 1 + SAME)
    kept = np.where(within, left, 1.0)
    rest = np.where(within, 0.0, whole - explained)
    return Causes(data * kept + rest, model * kept, np.zeros_like(whole))


def causes_of_standing_alone(rows: Sequence[PublishedRow], own_table: PublishedTable, other: PublishedTable) -> Causes:
    """Return why rows say something that `other`, a table without them, does not: the change from 1.

    A feature or an interaction that the other model does not have is the model's doing. Else, what the other table's
    rules would have made of these counts is the data's, and the rest the rules': a bound, the dead band, or no room.
    """
    own = Columns.of(rows)
    whole = np.log(own.multiplier)
    is_new = np.array([row.term not in other.terms for row in rows], dtype=bool)
    would = acted(own, own.expected, own.prior, other.rules, own_table.scale)
    has_room = _said(own, other.scale) > _least_said(other)
    data = np.where(is_new, 0.0, np.log(np.where(has_room, would, 1.0)))
    model = np.where(is_new, whole, 0.0)
    if own_table.rules == other.rules:  # a row held back on its way from 1 is the data's all the same
        data = np.where(is_new | ~has_room, data, whole)
    return Causes(data, model, whole - data - model)


def _least_said(table: PublishedTable) -> float:
    """Return what a row had to say at least to get into the table; nothing, while there was room."""
    if len(table.rows) + 1 < table.rules.max_segments:  # the default row counts
        return -1.0
    return float(_said(Columns.of(list(table.rows.values())), table.scale).min(initial=np.inf))


def _said(rows: Columns, scale: Scale) -> Floats:
    """Return the expected deviance by which rows compete for room, as the table's builder ranks them."""
    return expected_deviance(_factor(rows, rows.expected, rows.prior, scale))


def _factor(seen: Columns, expected: Floats, prior: Floats, scale: Scale) -> Factor:
    sums, without = Sums(seen.outcome, seen.exposure / scale.stands_for), prior * scale.odds_against
    return tempered_factor(shrunk(sums, expected, prior, without, scale.link), scale.slope)
