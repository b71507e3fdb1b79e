"""What does a platform that looks up one key need? The master table compiled into single joint keys.

A row is a prefix of the first features' values (`a|b|*|*`); the longest prefix that has a row answers, the default
last. Its rate is what the master table expects of its rows, times what they did beyond that, shrunk: a joint cell
knows a little that products of factors do not, and the shrinkage says how little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.model.fit import Factor
from rtb_optimizer.core.sample.crossing import CellNumbers, densely_numbered
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by
from rtb_optimizer.core.selection.scoring import PRIORS, cross_fitted_gain
from rtb_optimizer.core.table.bidding import BidRules, multipliers, rate_intervals

RESIDUAL_PRIORS = PRIORS[3:]
"""Residuals are never shrunk less than this: factors left them over."""
TINY = 1e-300
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class JointRules:
    """How many rows at most (the default counts), how heavy a cell is, and how far it must be from the one above."""

    max_rows: int
    min_exposures: float
    dead_band: float
    bids: BidRules


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The rows of one prefix length, as arrays of one length; `rows` are sampled rows, one in the cell of each."""

    rows: Ints
    exposure: Floats
    outcome: Floats
    expected: Floats
    rate: Floats
    multiplier: Floats

    def at(self, cells: Ints) -> "Prefixes":
        """Return some of them."""
        arrays = (self.exposure, self.outcome, self.expected, self.rate, self.multiplier)
        exposure, outcome, expected, rate, multiplier = (array[cells] for array in arrays)
        return Prefixes(self.rows[cells], exposure, outcome, expected, rate, multiplier)


@dataclass(frozen=True, slots=True)
class JointTable:
    """The prefixes of each length from 1, over `features`; what none answers has `rate` and `multiplier`.

    `sample` is what it was compiled from.
    """

    sample: Sample
    features: tuple[str, ...]
    levels: tuple[Prefixes, ...]
    rate: float
    multiplier: float

    @property
    def rows(self) -> int:
        """How many rows the table has, the default among them."""
        return 1 + sum(len(level.rows) for level in self.levels)

    def prefixes(self, depth: int) -> list[tuple[str, ...]]:
        """Return the values that each row of a length gives."""
        columns = [self.sample.features[name] for name in self.features[:depth]]
        return [
            tuple(column.values[int(column.codes[row])] for column in columns) for row in self.levels[depth - 1].rows
        ]


def compile_joint(
    sample: Sample, features: Sequence[str], expected: Floats, product: Floats, rules: JointRules
) -> JointTable:
    """Compile the joint table of `features`.

    Args:
        sample: The rows, sorted by fold.
        features: Whose values make the key, in order.
        expected: What the master table expects of each row (n floats).
        product: Which total multiplier the master table gives each row, 0 for no bid (n floats). A cell of nothing
            but rows without a bid has a multiplier of 0; in any other, they count as bids of nothing.
        rules: How many rows, and when a cell gets one.
    """
    spend = sample.spend if sample.spend.sum() > 0 else sample.exposure
    light = Sample(sample.exposure, sample.outcome, spend, sample.fold, {})
    rate, bid = float(expected.sum() / light.exposure.sum()), float((product * spend).sum() / spend.sum())
    told = np.full(len(expected), rate), np.full(len(expected), bid)
    levels: list[Prefixes] = []
    rows: Ints = np.arange(len(expected))
    cell: Ints = np.zeros(len(expected), dtype=np.int64)
    size = 1
    for name in features:
        rows, cell, size = _heavy(light, rows, cell, size, sample.features[name], rules.min_exposures)
        part = Part(light.at(rows), cell, size, expected[rows], product[rows])
        level = _rated(part, rows, rules)
        kept = _worth(level, part, (told[0][rows], told[1][rows]), rules, room=rules.max_rows - 1 - _count(levels))
        place = np.full(size, -1, dtype=np.int64)
        place[kept] = kept
        answered = np.flatnonzero(place.take(cell) >= 0)
        told[0][rows[answered]] = level.rate.take(cell[answered])
        told[1][rows[answered]] = level.multiplier.take(cell[answered])
        levels.append(level.at(kept))
    return JointTable(sample, tuple(features), tuple(levels), rate, bid)


@dataclass(frozen=True, slots=True)
class Part:
    """The sampled rows of heavy cells: each one's cell below `size`, and what the master table says of it."""

    sample: Sample
    cell: Ints
    size: int
    expected: Floats
    product: Floats


def _count(levels: Sequence[Prefixes]) -> int:
    return sum(len(level.rows) for level in levels)


def _heavy(
    light: Sample, rows: Ints, cell: Ints, size: int, feature: Feature, min_exposures: float
) -> tuple[Ints, Ints, int]:
    """Part the cells by one more feature; return the rows of those still heavy, their cells, and how many there are.

    What is not heavy has no heavy part either: its rows need not be looked at again.
    """
    usable = np.ones(len(feature.values), dtype=bool)
    usable[feature.barred] = False
    codes = feature.codes.take(rows)
    fit = np.flatnonzero(usable.take(codes))
    joint = cell[fit] * len(feature.values) + codes[fit]
    finer, found = densely_numbered(joint, size * len(feature.values))
    enough = sum_by(finer, light.exposure[rows[fit]], found) >= min_exposures
    place = np.where(enough, np.cumsum(enough) - 1, -1)
    there = place.take(finer)
    inside = np.flatnonzero(there >= 0)
    return rows[fit[inside]], there[inside], int(enough.sum())


def _rated(part: Part, rows: Ints, rules: JointRules) -> Prefixes:
    """Count the cells, and rate them."""
    inside, cell, size = part.sample, part.cell, part.size
    exposure, e = sum_by(cell, inside.exposure, size), sum_by(cell, part.expected, size)
    bid = _mean_bid(part)
    k = inside.outcomes_by(cell, size)
    residual, acted = _residual(part, k, e, rules)
    one = np.empty(size, dtype=np.int64)
    one[cell] = rows
    clipped = np.clip(bid * acted, rules.bids.minimum, rules.bids.maximum)
    multiplier = np.where(sum_by(cell, part.product, size) > 0, clipped, 0.0)
    return Prefixes(one, exposure, k, e, e / exposure * residual, multiplier)


def _mean_bid(part: Part) -> Floats:
    """Return what is bid on each cell: weighted by spend, by exposure where nothing was spent."""
    spend = sum_by(part.cell, part.sample.spend, part.size)
    paid = sum_by(part.cell, part.product * part.sample.spend, part.size) / np.maximum(spend, TINY)
    shown = sum_by(part.cell, part.sample.exposure, part.size)
    alike = sum_by(part.cell, part.product * part.sample.exposure, part.size) / np.maximum(shown, TINY)
    mean: Floats = np.where(spend > 0, paid, alike)
    return mean


def _residual(part: Part, k: Floats, e: Floats, rules: JointRules) -> tuple[Floats, Floats]:
    """Return what cells did over what was expected, shrunk, and what a bid may make of it."""
    cells = Feature(part.cell, CellNumbers(part.size))
    gain = cross_fitted_gain(cells, part.sample, part.expected, priors=RESIDUAL_PRIORS)
    if not gain.nats > 0:
        return np.ones(part.size), np.ones(part.size)
    residual = (k + gain.prior) / (e + gain.prior)
    low, high = rate_intervals(Factor(residual, k, e, e, gain.prior, 0.0), rules.bids.confidence)
    return residual, multipliers(low, high, rules.bids)


def _worth(level: Prefixes, part: Part, told: tuple[Floats, Floats], rules: JointRules, room: int) -> Ints:
    """Return the cells that say something beyond what shorter prefixes tell of their rows: the heaviest news."""
    far = np.zeros(part.size)
    weights = part.sample.exposure, part.sample.spend
    for own, above, weight in zip((level.rate, level.multiplier), told, weights, strict=True):
        mean = sum_by(part.cell, above * weight, part.size) / np.maximum(sum_by(part.cell, weight, part.size), TINY)
        far = np.maximum(far, np.abs(own - mean) / np.maximum(mean, TINY))
    says = np.flatnonzero(far >= rules.dead_band)
    news = (level.exposure * far)[says]
    return np.sort(says[np.argsort(-news, kind="stable")[: max(room, 0)]])


def rates_by_keys(table: JointTable, sample: Sample) -> Iterator[Floats]:
    """Yield the rates that the table's first key tells of each row of a sample (n floats), its first two keys, and on.

    The sample's features number their values as those of the sample that the table was compiled from: both are parts
    of one, as hold-out and training are.
    """
    rates = np.full(len(sample.exposure), table.rate)
    ours, theirs = np.zeros(len(rates), np.uint64), np.zeros(len(table.sample.exposure), np.uint64)
    for name, level in zip(table.features, table.levels, strict=True):
        ours, theirs = (_mixed(ids, part.features[name]) for ids, part in ((ours, sample), (theirs, table.sample)))
        if len(level.rows):
            ids = theirs.take(level.rows)
            order = np.argsort(ids)
            row = order.take(np.minimum(np.searchsorted(ids, ours, sorter=order), len(ids) - 1))
            answered = np.flatnonzero(ids.take(row) == ours)
            rates[answered] = level.rate.take(row[answered])
        yield rates.copy()


def _mixed(ids: NDArray[np.uint64], feature: Feature) -> NDArray[np.uint64]:
    """Return a hash of the values so far: prefixes of one hash are one prefix."""
    return (ids + feature.codes.astype(np.uint64) + np.uint64(1)) * MIX
