"""Compiles the joint table: the master table as single joint keys, for platforms that look up one key.

A row is a prefix of the first features' values (`a|b|*|*`); the longest prefix that has a row answers, the default
last. Its rate is the master table's expectation of its rows times their shrunk residual: a joint cell holds a little
information that products of factors do not, and the shrinkage determines how much. A light cell, whose residual would
be noise, has the master table's product alone: a shorter prefix would answer with the mean of other cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.model.fit import Factor
from rtb_optimizer.core.sample.crossing import CellNumbers
from rtb_optimizer.core.sample.numbering import renumbered_densely
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask, Sample, sum_by
from rtb_optimizer.core.selection.scoring import PRIORS, cross_fitted_gain
from rtb_optimizer.core.table.bidding import BidRules, bid_bounds, multipliers

RESIDUAL_PRIORS = PRIORS[3:]
"""Larger priors only: residuals are what the factors left unexplained."""
TINY = 1e-300
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class JointRules:
    """Limits on rows (the default counts), on the exposures of a cell, and on its distance from the prefix above.

    A cell of `min_exposures` has a residual of its own, one of `light_exposures` the product of its rows; a lighter
    one has no row.
    """

    max_rows: int
    min_exposures: float
    dead_band: float
    bids: BidRules
    light_exposures: float = np.inf

    @property
    def least(self) -> float:
        """The exposures that a cell needs for a row."""
        return min(self.min_exposures, self.light_exposures)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The rows of one prefix length, as arrays of one length; `rows` are sampled rows, one from each cell."""

    rows: Ints
    exposure: Floats
    outcome: Floats
    expected: Floats
    rate: Floats
    multiplier: Floats

    def at(self, cells: Ints) -> "Prefixes":
        """Return the prefixes at these positions."""
        arrays = (self.exposure, self.outcome, self.expected, self.rate, self.multiplier)
        exposure, outcome, expected, rate, multiplier = (array[cells] for array in arrays)
        return Prefixes(self.rows[cells], exposure, outcome, expected, rate, multiplier)


@dataclass(frozen=True, slots=True)
class JointTable:
    """The prefixes of each length from 1, over `features`; requests that match none get `rate` and `multiplier`.

    `sample` is the sample that it was compiled from.
    """

    sample: Sample
    features: tuple[str, ...]
    by_depth: tuple[Prefixes, ...]
    rate: float
    multiplier: float

    @property
    def rows(self) -> int:
        """The number of rows, the default included."""
        return 1 + sum(len(prefixes.rows) for prefixes in self.by_depth)

    def columns(self, depth: int) -> list[list[str]]:
        """Return the values of each feature of the rows of a length."""
        rows = self.by_depth[depth - 1].rows
        features = (self.sample.features[name] for name in self.features[:depth])
        return [[feature.values[code] for code in feature.codes.take(rows).tolist()] for feature in features]

    def prefixes(self, depth: int) -> list[tuple[str, ...]]:
        """Return the values of each row of a length."""
        return list(zip(*self.columns(depth), strict=True))


def compile_joint(
    sample: Sample,
    features: Sequence[str],
    expected: Floats,
    product: Floats,
    rules: JointRules,
    publishable: Mapping[tuple[str, ...], Mask] | None = None,
) -> JointTable:
    """Compile the joint table of `features`.

    Args:
        sample: The rows, sorted by fold.
        features: Whose values make the key, in order.
        expected: Outcomes of each row that the master table expects (n floats).
        product: The total multiplier that the master table gives each row, 0 for no bid (n floats). A cell in which no
            row is bid on has a multiplier of 0; in any other, rows without a bid count as bids of 0.
        rules: The limits on rows and cells.
        publishable: The rows in cells that stand on enough of the logs, by their first features; absent: all.
    """
    spend = sample.base_spend if sample.spend.sum() > 0 else sample.exposure
    light = Sample(sample.exposure, sample.outcome, spend, sample.fold, {})
    rate, bid = float(expected.sum() / light.exposure.sum()), float((product * spend).sum() / spend.sum())
    answers = np.full(len(expected), rate), np.full(len(expected), bid)
    by_depth: list[Prefixes] = []
    rows: Ints = np.arange(len(expected))
    cell: Ints = np.zeros(len(expected), dtype=np.int64)
    size = 1
    for depth, name in enumerate(features, start=1):
        enough = (publishable or {}).get(tuple(features[:depth]))
        if enough is not None:
            inside = np.flatnonzero(enough.take(rows))
            rows, cell = rows[inside], cell[inside]
        rows, cell, size = _heavy(light, rows, cell, size, sample.features[name], rules.least)
        part = Part(light.at(rows), cell, size, expected.take(rows), product.take(rows))
        prefixes = _rated(part, rows, rules)
        above, room = (answers[0].take(rows), answers[1].take(rows)), rules.max_rows - 1 - _count(by_depth)
        selected = _informative(prefixes, part, above, rules, room)
        place = np.full(size, -1, dtype=np.int64)
        place[selected] = selected
        answered = np.flatnonzero(place.take(cell) >= 0)
        answers[0][rows[answered]] = prefixes.rate.take(cell[answered])
        answers[1][rows[answered]] = prefixes.multiplier.take(cell[answered])
        by_depth.append(prefixes.at(selected))
    return JointTable(sample, tuple(features), tuple(by_depth), rate, bid)


@dataclass(frozen=True, slots=True)
class Part:
    """The sampled rows of cells with a row: each one's cell below `size`, and the master table's prediction of it."""

    sample: Sample
    cell: Ints
    size: int
    expected: Floats
    product: Floats


def _count(by_depth: Sequence[Prefixes]) -> int:
    return sum(len(prefixes.rows) for prefixes in by_depth)


def _heavy(
    light: Sample, rows: Ints, cell: Ints, size: int, feature: Feature, min_exposures: float
) -> tuple[Ints, Ints, int]:
    """Split the cells by one more feature; return the rows of those still heavy, their cells, and the number of cells.

    A cell that is not heavy has no heavy part either: its rows are dropped.
    """
    barred = feature.barred
    if len(barred):
        usable = np.flatnonzero(np.isin(feature.codes.take(rows), barred, invert=True))
        rows, cell = rows.take(usable), cell.take(usable)
    joint = cell * len(feature.values) + feature.codes.take(rows)
    finer, count = renumbered_densely(joint, size * len(feature.values))
    is_heavy = sum_by(finer, light.exposure.take(rows), count) >= min_exposures
    heavy_cell = np.where(is_heavy, np.cumsum(is_heavy) - 1, -1).take(finer)
    inside = np.flatnonzero(heavy_cell >= 0)
    return rows.take(inside), heavy_cell.take(inside), int(is_heavy.sum())


def _rated(part: Part, rows: Ints, rules: JointRules) -> Prefixes:
    """Compute the statistics, rate and multiplier of the cells; light cells have no residual of their own."""
    inside, cell, size = part.sample, part.cell, part.size
    exposure, e = sum_by(cell, inside.exposure, size), sum_by(cell, part.expected, size)
    bid = _mean_bid(part)
    k = inside.outcomes_by(cell, size)
    residual, bid_ratio = np.ones(size), np.ones(size)
    heavy = np.flatnonzero(exposure >= rules.min_exposures)
    residual[heavy], bid_ratio[heavy] = _residual(_of_cells(part, heavy), k[heavy], e[heavy], rules)
    row_of_cell = np.empty(size, dtype=np.int64)
    row_of_cell[cell] = rows
    clipped = np.clip(bid * bid_ratio, rules.bids.minimum, rules.bids.maximum)
    multiplier = np.where(sum_by(cell, part.product, size) > 0, clipped, 0.0)
    return Prefixes(row_of_cell, exposure, k, e, e / exposure * residual, multiplier)


def _of_cells(part: Part, cells: Ints) -> Part:
    """Return the rows of some cells, renumbered in their order."""
    if len(cells) == part.size:
        return part
    place = np.full(part.size, -1, dtype=np.int64)
    place[cells] = np.arange(len(cells))
    number = place.take(part.cell)
    rows = np.flatnonzero(number >= 0)
    return Part(part.sample.at(rows), number[rows], len(cells), part.expected[rows], part.product[rows])


def _mean_bid(part: Part) -> Floats:
    """Return the mean multiplier of each cell: weighted by spend, by exposure where nothing was spent."""
    spend = sum_by(part.cell, part.sample.spend, part.size)
    by_spend = sum_by(part.cell, part.product * part.sample.spend, part.size) / np.maximum(spend, TINY)
    if (spend > 0).all():
        return by_spend
    exposure = sum_by(part.cell, part.sample.exposure, part.size)
    by_exposure = sum_by(part.cell, part.product * part.sample.exposure, part.size) / np.maximum(exposure, TINY)
    mean: Floats = np.where(spend > 0, by_spend, by_exposure)
    return mean


def _residual(part: Part, k: Floats, e: Floats, rules: JointRules) -> tuple[Floats, Floats]:
    """Return the shrunk ratios of observed to expected outcomes of cells, and the multipliers that follow."""
    if not part.size:
        return np.ones(0), np.ones(0)
    cells = Feature(part.cell, CellNumbers(part.size))
    gain = cross_fitted_gain(cells, part.sample, part.expected, priors=RESIDUAL_PRIORS)
    if not gain.nats > 0:
        return np.ones(part.size), np.ones(part.size)
    residual = (k + gain.prior) / (e + gain.prior)
    factor = Factor(residual, k, e, e, gain.prior, 0.0)
    bounds = bid_bounds(factor, rules.bids, significant=gain.z >= rules.bids.min_z)
    return residual, multipliers(*bounds, rules.bids)


def _informative(prefixes: Prefixes, part: Part, answers: tuple[Floats, Floats], rules: JointRules, room: int) -> Ints:
    """Return the cells that differ from what shorter prefixes answer for their rows, the heaviest differences first."""
    distance = np.zeros(part.size)
    weights = part.sample.exposure, part.sample.spend
    totals = prefixes.exposure, sum_by(part.cell, part.sample.spend, part.size)
    for own, above, weight, total in zip((prefixes.rate, prefixes.multiplier), answers, weights, totals, strict=True):
        mean = sum_by(part.cell, above * weight, part.size) / np.maximum(total, TINY)
        distance = np.maximum(distance, np.abs(own - mean) / np.maximum(mean, TINY))
    candidates = np.flatnonzero(distance >= rules.dead_band)
    return candidates[_largest((prefixes.exposure * distance)[candidates], max(room, 0))]


def _largest(values: Floats, most: int) -> Ints:
    """Return the places of the largest values, in order; of equal ones, the first."""
    if len(values) <= most:
        return np.arange(len(values))
    if most == 0:
        return np.arange(0)
    least = np.partition(values, len(values) - most)[len(values) - most]
    above, equal = np.flatnonzero(values > least), np.flatnonzero(values == least)
    return np.sort(np.concatenate([above, equal[: most - len(above)]]))


def rates_by_keys(table: JointTable, sample: Sample) -> Iterator[Floats]:
    """Yield the rates that the table answers for each row of a sample (n floats): by its first key, first two, etc.

    The sample's features number their values as those of the sample that the table was compiled from: both are parts
    of one, as hold-out and training are.
    """
    rates = np.full(len(sample.exposure), table.rate)
    ours, theirs = np.zeros(len(rates), np.uint64), np.zeros(len(table.sample.exposure), np.uint64)
    for name, prefixes in zip(table.features, table.by_depth, strict=True):
        ours, theirs = (_mixed(ids, part.features[name]) for ids, part in ((ours, sample), (theirs, table.sample)))
        if len(prefixes.rows):
            ids = theirs.take(prefixes.rows)
            order = np.argsort(ids)
            row = order.take(np.minimum(np.searchsorted(ids, ours, sorter=order), len(ids) - 1))
            answered = np.flatnonzero(ids.take(row) == ours)
            rates[answered] = prefixes.rate.take(row[answered])
        yield rates.copy()


def _mixed(ids: NDArray[np.uint64], feature: Feature) -> NDArray[np.uint64]:
    """Return a hash of the values so far: prefixes with the same hash are taken as the same."""
    return (ids + feature.codes.astype(np.uint64) + np.uint64(1)) * MIX
