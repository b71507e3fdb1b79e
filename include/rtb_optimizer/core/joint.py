"""What does a platform that looks up one key need? The master table compiled into single joint keys.

A row is a prefix of the first features' values (`a|b|*|*`); the longest prefix that has a row answers, the default
last. Its rate is what the master table expects of its rows, times what they did beyond that, shrunk: a joint cell
knows a little that products of factors do not, and the shrinkage says how little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.bidding import BidRules, multipliers, rate_intervals
from rtb_optimizer.core.crossing import crossed_feature
from rtb_optimizer.core.model import Factor
from rtb_optimizer.core.sample import Feature, Floats, Ints, Sample, sum_by
from rtb_optimizer.core.scoring import PRIORS, cross_fitted_gain

RESIDUAL_PRIORS = PRIORS[3:]
"""Residuals are never shrunk less than this: factors left them over."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class JointRules:
    """How many rows at most (the default counts), how heavy a cell is, and how far it must be from the one above."""

    max_rows: int
    min_exposures: float
    dead_band: float
    bids: BidRules


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The rows of one prefix length, as arrays over the cells that have one; `codes` are theirs in `feature`."""

    feature: Feature
    codes: Ints
    exposure: Floats
    outcome: Floats
    expected: Floats
    rate: Floats
    multiplier: Floats

    def at(self, cells: Ints) -> "Prefixes":
        """Return some of the rows."""
        arrays = (self.exposure, self.outcome, self.expected, self.rate, self.multiplier)
        exposure, outcome, expected, rate, multiplier = (array[cells] for array in arrays)
        return Prefixes(self.feature, self.codes[cells], exposure, outcome, expected, rate, multiplier)


@dataclass(frozen=True, slots=True)
class JointTable:
    """The prefixes of each length from 1, over `features`; what none answers has `rate` and `multiplier`."""

    features: tuple[str, ...]
    levels: tuple[Prefixes, ...]
    rate: float
    multiplier: float

    @property
    def rows(self) -> int:
        """How many rows the table has, the default among them."""
        return 1 + sum(len(level.codes) for level in self.levels)


def compile_joint(
    sample: Sample, features: Sequence[str], expected: Floats, product: Floats, rules: JointRules
) -> JointTable:
    """Compile the joint table of `features`.

    Args:
        sample: The rows, sorted by fold.
        features: Whose values make the key, in order.
        expected: What the master table expects of each row (n floats).
        product: Which total multiplier the master table gives each row (n floats).
        rules: How many rows, and when a cell gets one.
    """
    spend = sample.spend if sample.spend.sum() > 0 else sample.exposure
    light = Sample(sample.exposure, sample.outcome, spend, sample.fold, {})
    rate = float(expected.sum() / light.exposure.sum())
    bid = float((product * spend).sum() / spend.sum())
    told = np.full(len(expected), rate), np.full(len(expected), bid)
    levels: list[Prefixes] = []
    for depth in range(1, len(features) + 1):
        feature = _prefix(sample, features[:depth])
        room = rules.max_rows - 1 - sum(len(level.codes) for level in levels)
        levels.append(_worth(_heavy(light, feature, expected, product, rules), light, told, rules, room))
        _tell(levels[-1], told)
    return JointTable(tuple(features), tuple(levels), rate, bid)


def look_up_rates(table: JointTable, sample: Sample) -> Floats:
    """Return the rate that the table tells of each row of a sample with values of its own (n floats)."""
    rates = np.full(len(sample.exposure), table.rate)
    for depth, level in enumerate(table.levels, start=1):
        row_of = {level.feature.values[int(code)]: n for n, code in enumerate(level.codes)}
        theirs = _prefix(sample, table.features[:depth])
        met = np.flatnonzero(np.bincount(theirs.codes, minlength=len(theirs.values)))
        place = np.full(len(theirs.values), -1, dtype=np.int64)
        place[met] = [row_of.get(theirs.values[int(code)], -1) for code in met]
        _tell(replace(level, feature=replace(theirs, codes=place.take(theirs.codes))), (rates, rates), coded=True)
    return rates


def _prefix(sample: Sample, features: Sequence[str]) -> Feature:
    return crossed_feature(sample, features) if len(features) > 1 else sample.features[features[0]]


def _heavy(light: Sample, feature: Feature, expected: Floats, product: Floats, rules: JointRules) -> Prefixes:
    """Count the cells with exposures enough, and rate them."""
    exposure = sum_by(feature.codes, light.exposure, len(feature.values))
    enough = exposure >= rules.min_exposures
    enough[feature.barred] = False
    codes = np.flatnonzero(enough)
    place = np.full(len(exposure), -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    cell = place.take(feature.codes)
    rows = np.flatnonzero(cell >= 0)
    inside, cell, size = light.at(rows), cell[rows], len(codes)
    e = sum_by(cell, expected[rows], size)
    spent = np.maximum(sum_by(cell, inside.spend, size), TINY)
    bid = sum_by(cell, (product * light.spend)[rows], size) / spent
    k = inside.outcomes_by(cell, size)
    residual, acted = _residual(inside, Feature(cell, range(size)), expected[rows], (k, e), rules)  # type: ignore[arg-type]
    multiplier = np.clip(bid * acted, rules.bids.minimum, rules.bids.maximum)
    return Prefixes(feature, codes, exposure[codes], k, e, e / exposure[codes] * residual, multiplier)


def _residual(
    inside: Sample, cells: Feature, expected: Floats, sums: tuple[Floats, Floats], rules: JointRules
) -> tuple[Floats, Floats]:
    """Return what cells did over what was expected, shrunk, and what a bid may make of it."""
    k, e = sums
    gain = cross_fitted_gain(cells, inside, expected, priors=RESIDUAL_PRIORS)
    if not gain.nats > 0:
        return np.ones(len(k)), np.ones(len(k))
    residual = (k + gain.prior) / (e + gain.prior)
    low, high = rate_intervals(Factor(residual, k, e, e, gain.prior, 0.0), rules.bids.confidence)
    return residual, multipliers(low, high, rules.bids)


def _worth(level: Prefixes, light: Sample, told: tuple[Floats, Floats], rules: JointRules, room: int) -> Prefixes:
    """Keep the cells that say something beyond what shorter prefixes tell of their rows: the heaviest news first."""
    place = _place(level)
    cell = place.take(level.feature.codes)
    rows = np.flatnonzero(cell >= 0)
    far = np.zeros(len(level.codes))
    for own, above, weight in ((level.rate, told[0], light.exposure), (level.multiplier, told[1], light.spend)):
        sums = sum_by(cell[rows], weight[rows], len(far))
        mean = sum_by(cell[rows], (above * weight)[rows], len(far)) / np.maximum(sums, TINY)
        far = np.maximum(far, np.abs(own / np.maximum(mean, TINY) - 1))
    says = np.flatnonzero(far >= rules.dead_band)
    news = (level.exposure * far)[says]
    return level.at(np.sort(says[np.argsort(-news, kind="stable")[: max(room, 0)]]))


def _place(level: Prefixes) -> Ints:
    place = np.full(len(level.feature.values), -1, dtype=np.int64)
    place[level.codes] = np.arange(len(level.codes))
    return place


def _tell(level: Prefixes, told: tuple[Floats, Floats], *, coded: bool = False) -> None:
    """Write down what the level's rows answer; `coded` says that the feature's codes are the rows already."""
    row = level.feature.codes if coded else _place(level).take(level.feature.codes)
    answered = np.flatnonzero(row >= 0)
    told[0][answered] = level.rate.take(row[answered])
    if told[1] is not told[0]:
        told[1][answered] = level.multiplier.take(row[answered])
