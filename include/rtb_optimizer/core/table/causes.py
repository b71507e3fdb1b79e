"""Attributes each change of a row's multiplier to data, model or rules, as parts of the change of its log.

The multiplier is recomputed with one input changed at a time: first the counts, then the model's expectations, last
the rules. Each step's change is one cause, so that they add up to the whole; the part that recomputation does not
explain is attributed to the rules too, unless these are unchanged: then a limit on movement held the others back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from rtb_optimizer.core.model.fit import Factor, shrink_factor_by_slope, shrunk_factor
from rtb_optimizer.core.model.priors import Sums
from rtb_optimizer.core.sample.sample import Floats, Mask
from rtb_optimizer.core.table.bidding import bid_bounds, multipliers
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
    """Rows as arrays of one length; `significant` tells whether the gain of a row's feature is.

    `prior` and `centre` are how strongly, and to what, a row's factor is shrunk.
    """

    exposure: Floats
    outcome: Floats
    expected: Floats
    prior: Floats
    multiplier: Floats
    centre: Floats
    significant: Mask | bool = True

    @classmethod
    def of(cls, rows: Sequence[PublishedRow]) -> Self:
        """Return the columns of rows."""
        taken = [(r.exposure, r.outcome, r.expected, r.prior, r.multiplier, r.centre) for r in rows]
        significant = np.array([r.is_significant for r in rows], dtype=bool)
        exposure, outcome, expected, prior, multiplier, centre = np.array(taken, dtype=float).reshape(-1, 6).T
        return cls(exposure, outcome, expected, prior, multiplier, centre, significant)


def rule_multiplier(counts: Columns, expected: Floats, shrunk: Columns, rules: SegmentRules, scale: Scale) -> Floats:
    """Return the multiplier that the rules give each row, shrunk as those of `shrunk`.

    It is 1 in the dead band, where there would be no row.
    """
    factor = _factor(counts, expected, shrunk, scale)
    bounds = bid_bounds(factor, rules.bids, scale.link, significant=counts.significant)
    bids = multipliers(*bounds, rules.bids)
    return np.where(np.abs(factor.theta - 1) < rules.dead_band, 1.0, bids)


def causes_of_moved_rows(
    before: Sequence[PublishedRow], after: Sequence[PublishedRow], old: PublishedTable, new: PublishedTable
) -> Causes:
    """Return the causes of the change of rows that both tables have, aligned with each other."""
    was, now = Columns.of(before), Columns.of(after)
    growth = np.divide(now.exposure, was.exposure, out=np.ones_like(was.exposure), where=was.exposure > 0)
    start = np.log(rule_multiplier(was, was.expected, was, old.rules, old.scale))
    counted = np.log(rule_multiplier(now, was.expected * growth, was, old.rules, old.scale))
    modelled = np.log(rule_multiplier(now, now.expected, now, old.rules, new.scale))
    whole = np.log(now.multiplier) - np.log(was.multiplier)
    data, model = counted - start, modelled - counted
    if old.rules == new.rules:
        return _under_unchanged_rules(data, model, whole)
    return Causes(data, model, whole - data - model)


def _under_unchanged_rules(data: Floats, model: Floats, whole: Floats) -> Causes:
    """Return the causes of moves under unchanged rules: data and model, scaled by the limit on movement.

    A move in the other direction, or without either cause, catches up with a change of the data in an earlier run.
    """
    explained = data + model
    ratio = np.divide(whole, explained, out=np.full_like(whole, -1.0), where=np.abs(explained) > SAME)
    within = (ratio >= 0) & (ratio <= 1 + SAME)
    share = np.where(within, ratio, 1.0)
    rest = np.where(within, 0.0, whole - explained)
    return Causes(data * share + rest, model * share, np.zeros_like(whole))


def causes_of_unmatched_rows(rows: Sequence[PublishedRow], own_table: PublishedTable, other: PublishedTable) -> Causes:
    """Return the causes of rows that `other`, a table without them, leaves at 1: the change from 1.

    A feature or an interaction that the other model does not have is attributed to the model. Else, what the other
    table's rules would have made of these counts is attributed to data, and the rest to the rules: a bound, the dead
    band, or the limit on rows.
    """
    own = Columns.of(rows)
    whole = np.log(own.multiplier)
    is_new = np.array([row.term not in other.terms for row in rows], dtype=bool)
    by_other_rules = rule_multiplier(own, own.expected, own, other.rules, own_table.scale)
    has_room = _deviance(own, other.scale) > _lowest_deviance(other)
    data = np.where(is_new, 0.0, np.log(np.where(has_room, by_other_rules, 1.0)))
    model = np.where(is_new, whole, 0.0)
    if own_table.rules == other.rules:  # so is a row that the movement limit holds back on its way from 1
        data = np.where(is_new | ~has_room, data, whole)
    return Causes(data, model, whole - data - model)


def _lowest_deviance(table: PublishedTable) -> float:
    """Return the smallest deviance with which a row got into the table; -1 while the table had room."""
    if len(table.rows) + 1 < table.rules.max_segments:  # the default row counts
        return -1.0
    return float(_deviance(Columns.of(list(table.rows.values())), table.scale).min(initial=np.inf))


def _deviance(rows: Columns, scale: Scale) -> Floats:
    """Return the expected deviance by which rows compete for room, as the table's builder ranks them."""
    return expected_deviance(_factor(rows, rows.expected, rows, scale))


def _factor(counts: Columns, expected: Floats, shrunk: Columns, scale: Scale) -> Factor:
    sums, without = Sums(counts.outcome, counts.exposure / scale.stands_for), shrunk.prior * scale.odds_against
    factor = shrunk_factor(sums, expected, shrunk.prior, without, scale.link, shrunk.centre)
    return shrink_factor_by_slope(factor, scale.slope)
