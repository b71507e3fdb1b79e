"""Screens all pairs of columns for outcomes that both main effects leave unexplained.

A score test (Rao, 1948) of the cells of a pair: with the residual u = k - e of each row over the model, and its
variance v, the cells' sums U and V have main effects projected out by weighted least squares; what is left of U^2 / V,
summed over cells, is about chi-squared. The variance is estimated from the rows by predicted rate (quasi-likelihood:
McCullagh, 1983), so that weights and dispersion count: as a share of e, since rows count many exposures or few, and as
the same for each row, since rows of a thinned log weigh by their outcome, and few heavy rows are what is uncertain; a
cell has the larger of the two. With few outcomes a cell varies more than chi-squared (Haldane, 1937): degrees of
freedom are matched by mean and variance (Satterthwaite, 1946), and the quantile is normal by the cube root of Wilson
and Hilferty (1931).

The cost is bounded: a part of the rows, weighted back; and of a column the most frequent values only, the others as
one, so that a cell expects some outcomes. A column of many equally rare values shows less here than it has.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Ints, Sample, sum_by

ROWS, LEAST_ROWS = 1 << 17, 1 << 15
PAIRS_OF_ROWS = 1_225
"""With more pairs than those of 50 columns, each is screened on fewer rows."""
OTHERS = 8
"""Rows without an outcome for each with one: more add less than an eighth to what is known of a cell."""
MAX_CELLS, LEAST_CELLS, OUTCOMES_A_CELL = 2_048, 16, 5.0
RATE_BINS = 16
SWEEPS, SETTLED = 12, 1e-3
LEAST_OUTCOMES = 1.0
"""Cells that expect fewer effective outcomes are left out of the statistic."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Screened:
    """A pair with the standard normal quantile of its statistic, and by how much it exceeds what chance expects.

    The excess is about twice the nats that the cells gain on their own rows.
    """

    pair: Pair
    z: float
    excess: float


class PairScreen:
    """The rows that pairs are screened on, with each column's values numbered from the most frequent on."""

    def __init__(self, sample: Sample, names: Iterable[str], pairs: int) -> None:
        most = int(ROWS * min(1.0, PAIRS_OF_ROWS / max(pairs, 1)))
        self._rows, self._weight = _part(sample, max(LEAST_ROWS, min(most, (1 + OTHERS) * len(sample.positive))))
        self._outcome = sample.outcome.take(self._rows)
        self._exposure = sample.exposure.take(self._rows)
        self._ranked = {name: _by_frequency(sample.features[name].codes.take(self._rows)) for name in names}

    def over(self, expected: Floats, pairs: Sequence[Pair]) -> Iterator[Screened]:
        """Yield each pair's statistic over the outcomes that a model expects (n floats of the whole sample)."""
        rows = self._residuals(expected.take(self._rows))
        total = float((rows.residual**2).sum())
        if not total > 0:
            return
        # What the squared residual of one outcome is: 1 where rows count one, more where they weigh more.
        unit = float((rows.residual**4).sum()) / total
        cells = int(np.clip(total / unit / OUTCOMES_A_CELL, LEAST_CELLS, MAX_CELLS))
        for pair in pairs:
            yield self._screened(pair, rows, unit, cells)

    def _residuals(self, e: Floats) -> "_Residuals":
        residual = self._weight * (self._outcome - e)
        rate = e / np.maximum(self._exposure, 1e-300)
        edges = np.unique(np.quantile(rate, np.linspace(0, 1, RATE_BINS + 1)[1:-1]))
        place, size = np.searchsorted(edges, rate), len(edges) + 1
        squared, of_e = sum_by(place, residual**2, size), sum_by(place, e, size)
        a_row = squared / np.maximum(np.bincount(place, minlength=size), 1)
        return _Residuals(residual, e * (squared / np.maximum(of_e, 1e-300)).take(place), a_row.take(place))

    def _screened(self, pair: Pair, rows: "_Residuals", unit: float, cells: int) -> Screened:
        first, second = (self._ranked[name] for name in pair)
        m, n = _levels(first[1], second[1], cells)
        joint = _capped(first, m).astype(np.intp)
        joint *= n
        joint += _capped(second, n)
        sums = (sum_by(joint, of, m * n).reshape(m, n) for of in (rows.residual, rows.by_exposure, rows.by_row))
        u, by_exposure, by_row = sums
        return Screened(pair, *_beyond_main_effects(u, np.maximum(by_exposure, by_row), unit))


@dataclass(frozen=True, slots=True)
class _Residuals:
    """The weighted residual of each row, and its variance as a share of what is expected, and as that of any row."""

    residual: Floats
    by_exposure: Floats
    by_row: Floats


def _beyond_main_effects(u: Floats, v: Floats, unit: float) -> tuple[float, float]:
    """Return the normal quantile of the residual chi-squared of a table, and its excess over its mean."""
    of_rows, of_columns, total = v.sum(axis=1), v.sum(axis=0), float(v.sum())
    row_weight, column_weight = np.maximum(of_rows, 1e-300), np.maximum(of_columns, 1e-300)
    for _ in range(SWEEPS):
        by_row = u.sum(axis=1) / row_weight
        u = u - v * by_row[:, None]
        by_column = u.sum(axis=0) / column_weight
        u = u - v * by_column
        if float((by_column**2 * of_columns).sum()) < SETTLED:
            break
    used = v >= unit * LEAST_OUTCOMES
    share = 1 - v / row_weight[:, None] - v / column_weight + v / total
    mean = float(np.maximum(share, 0.0)[used].sum())
    if mean < 0.5:  # noqa: PLR2004 - half a degree of freedom
        return 0.0, 0.0
    statistic = float((u[used] ** 2 / v[used]).sum())
    freedom = 2 * mean**2 / (2 * mean + float((unit / v[used]).sum()))
    spread = 2 / (9 * freedom)
    return ((statistic / mean) ** (1 / 3) - (1 - spread)) / sqrt(spread), statistic - mean


def _levels(m: int, n: int, cells: int) -> tuple[int, int]:
    """Return how many values of two columns are told apart so that there are at most so many cells."""
    if m * n <= cells:
        return m, n
    fewer = min(m, n, int(sqrt(cells)))
    more = min(max(m, n), cells // fewer)
    return (fewer, more) if m <= n else (more, fewer)


def _capped(ranked: tuple[Ints, int], levels: int) -> Ints:
    """Return codes by frequency, those of all values from a level on as the last one."""
    codes, size = ranked
    return codes if size <= levels else np.minimum(codes, levels - 1)


def _by_frequency(codes: Ints) -> tuple[Ints, int]:
    """Return codes renumbered from the most frequent one on, and how many occur."""
    rows = np.bincount(codes)
    order = np.argsort(-rows, kind="stable")
    place = np.empty(len(rows), dtype=np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)
    return place.take(codes), int((rows > 0).sum())


def _part(sample: Sample, most: int) -> tuple[Ints, Floats]:
    """Return about `most` rows of a sample, those with an outcome first, and how many rows each stands for."""
    others = np.flatnonzero(sample.outcome == 0)
    with_outcome = sample.positive[:: -(-len(sample.positive) // (most // 2)) or 1]
    left = max(most - len(with_outcome), 1)
    without = others[:: -(-len(others) // left) or 1]
    rows = np.concatenate([with_outcome, without])
    stands_for = [len(of) / max(len(part), 1) for of, part in ((sample.positive, with_outcome), (others, without))]
    weight = np.repeat(stands_for, [len(with_outcome), len(without)])
    order = np.argsort(rows, kind="stable")
    return rows[order], weight[order]
