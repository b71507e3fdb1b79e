"""Decides which cells of joint keys stand on enough of the logs to be published: rows, and people where they have ids.

A weight, or a count of exposures, says nothing about how many people a cell is about: rows of the logs are counted,
never what they stand for. A cell that has enough sampled rows has enough; only the others are counted in the logs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.crossing import cell_codes
from rtb_optimizer.core.sample.sample import Ints, Mask, Sample, sum_by
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.segments import NO_ROWS, People, Statistics

Prefix = tuple[str, ...]
"""The first features of a joint key, in order."""
Publishable = Mapping[Prefix, Mask]
"""Which sampled rows (n booleans) are in cells of a prefix that stand on enough; a prefix that is absent: all.

A cell that is too light to be counted in the logs counts as none, unless its sampled rows are enough.
"""


@dataclass(frozen=True, slots=True)
class PrefixCells:
    """The cells of a prefix on a sample: each row's cell, and those to be counted in the logs with their keys."""

    cell: Ints
    enough: Mask
    uncertain: Ints
    keys: Sequence[str]


def term_of(prefix: Prefix) -> str:
    """Return the name of a prefix among the terms that are counted: no feature and no interaction has it."""
    return segment_key([*prefix, None])


def prefixes_of(orders: Iterable[Sequence[str]]) -> list[Prefix]:
    """Return the distinct prefixes of joint keys in these orders."""
    return list(dict.fromkeys(tuple(order[:n]) for order in orders for n in range(1, len(order) + 1)))


def prefix_cells(
    sample: Sample, prefix: Prefix, min_exposures: float, least: float, *, has_people: bool
) -> PrefixCells:
    """Return the cells of a prefix, and those that might be published and are not certain to stand on enough.

    Args:
        sample: The rows, one of the logs each.
        prefix: The features.
        min_exposures: The least exposures of a cell that is published.
        least: The least rows and people that it stands on.
        has_people: Whether people have ids: then no cell is certain.
    """
    cell, size = cell_codes(sample, prefix)
    row_of_cell = np.empty(size, dtype=np.int64)
    row_of_cell[cell] = np.arange(len(cell))
    features = [sample.features[name] for name in prefix]
    barred = np.zeros(size, dtype=bool)
    for feature in features:
        barred |= np.isin(feature.codes.take(row_of_cell), feature.barred)
    heavy = (sum_by(cell, sample.exposure, size) >= min_exposures) & ~barred
    enough = np.bincount(cell, minlength=size) >= (math.inf if has_people else least)
    uncertain = np.flatnonzero(heavy & ~enough)
    names = [[feature.values[int(feature.codes[row])] for feature in features] for row in row_of_cell[uncertain]]
    return PrefixCells(cell, enough, uncertain, [name[0] if len(name) == 1 else segment_key(name) for name in names])


def publishable_rows(
    cells: Mapping[Prefix, PrefixCells], exact: Statistics, least: float, people: People | None = None
) -> dict[Prefix, Mask]:
    """Return which sampled rows are in cells that stand on enough, by prefix; prefixes without a doubt are left out.

    Args:
        cells: The cells of each prefix.
        exact: By term (`term_of`) and key, the statistics of the uncertain cells; a cell that is absent has no row.
        least: The least rows of a cell.
        people: See People, by term.
    """
    publishable = {}
    for prefix, of_prefix in cells.items():
        if of_prefix.enough.all():
            continue
        term = term_of(prefix)
        counted, known = exact.get(term, {}), (people or {}).get(term)
        enough = of_prefix.enough.copy()
        for cell, key in zip(of_prefix.uncertain.tolist(), of_prefix.keys, strict=True):
            enough[cell] = counted.get(key, NO_ROWS).rows >= least and (known is None or key in known)
        publishable[prefix] = enough.take(of_prefix.cell)
    return publishable
