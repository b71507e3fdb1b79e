"""Decides which cells of joint keys stand on enough of the logs to be published: rows, and people where they have ids.

A weight, or a count of exposures, does not show how many people a cell is about: rows of the logs are counted,
never what they stand for. A cell that has enough sampled rows has enough; only the others are counted in the logs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.numbering import renumbered_densely
from rtb_optimizer.core.sample.sample import Ints, Mask, Sample, sum_by
from rtb_optimizer.core.sample.values import segment_key, segment_keys
from rtb_optimizer.core.table.segments import People

Prefix = tuple[str, ...]
"""The first features of a joint key, in order."""
Publishable = Mapping[Prefix, Mask]
"""Which sampled rows (n booleans) are in cells of a prefix that stand on enough; a prefix that is absent: all.

A cell that is too light to be counted in the logs counts as none, unless its sampled rows are enough.
"""


@dataclass(frozen=True, slots=True)
class PrefixCells:
    """The cells of a prefix that may be published, of a sample, and those to be counted in the logs with their keys.

    `rows` are the rows in these cells, of the `sampled` ones, and `cell` is the cell of each; `enough` says which cells
    certainly stand on enough.
    """

    sampled: int
    rows: Ints
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
    sample: Sample, prefixes: Iterable[Prefix], min_exposures: float, least: float, *, has_people: bool
) -> dict[Prefix, PrefixCells]:
    """Return the cells of each prefix, and those that might be published and are not certain to stand on enough.

    Args:
        sample: The rows, one of the logs each.
        prefixes: The features of each.
        min_exposures: The least exposures of a cell that is published.
        least: The least rows and people that it stands on.
        has_people: Whether people have ids: then no cell is certain.
    """
    rows = len(sample.exposure)
    whole = PrefixCells(rows, np.arange(rows), np.zeros(rows, np.int64), np.ones(1, bool), np.arange(0), ())
    wanted = list(prefixes)
    cells: dict[Prefix, PrefixCells] = {(): whole}
    for prefix in prefixes_of(wanted):
        limits = min_exposures, math.inf if has_people else least
        cells[prefix] = _split(sample, cells[prefix[:-1]], prefix, *limits)
    return {prefix: cells[prefix] for prefix in wanted}


def _split(
    sample: Sample, above: PrefixCells, prefix: Prefix, min_exposures: float, certain_from: float
) -> PrefixCells:
    """Split the cells of a prefix by one more feature.

    A cell with neither the exposures nor the rows has no part with them: its rows are dropped.
    """
    features = [sample.features[name] for name in prefix]
    joint = above.cell * len(features[-1].values) + features[-1].codes.take(above.rows)
    cell, size = renumbered_densely(joint, len(above.enough) * len(features[-1].values))
    is_heavy = sum_by(cell, sample.exposure.take(above.rows), size) >= min_exposures
    enough = np.bincount(cell, minlength=size) >= certain_from
    kept = is_heavy | enough
    inside, place = np.flatnonzero(kept.take(cell)), np.cumsum(kept) - 1
    rows, cell, enough = above.rows.take(inside), place.take(cell.take(inside)), enough[kept]
    row_of_cell = np.empty(len(enough), dtype=np.int64)
    row_of_cell[cell] = rows
    barred = np.zeros(len(enough), dtype=bool)
    for feature in features:
        barred |= np.isin(feature.codes.take(row_of_cell), feature.barred)
    uncertain = np.flatnonzero(is_heavy[kept] & ~barred & ~enough)
    examples = row_of_cell[uncertain]
    columns = [[feature.values[code] for code in feature.codes.take(examples).tolist()] for feature in features]
    keys = columns[0] if len(columns) == 1 else segment_keys(columns)
    return PrefixCells(above.sampled, rows, cell, enough, uncertain, keys)


def publishable_rows(
    cells: Mapping[Prefix, PrefixCells],
    rows: Mapping[Prefix, Mapping[str, int]],
    least: float,
    people: People | None = None,
) -> dict[Prefix, Mask]:
    """Return which sampled rows are in cells that stand on enough, by prefix; prefixes without a doubt are left out.

    Args:
        cells: The cells of each prefix.
        rows: The rows of the uncertain cells in the logs, by their key; a cell that is absent has none.
        least: The least rows of a cell.
        people: See People, by `term_of` the prefix.
    """
    publishable = {}
    for prefix, of_prefix in cells.items():
        if len(of_prefix.rows) == of_prefix.sampled and of_prefix.enough.all():
            continue
        counted, known = rows.get(prefix, {}), (people or {}).get(term_of(prefix))
        enough = of_prefix.enough.copy()
        for cell, key in zip(of_prefix.uncertain.tolist(), of_prefix.keys, strict=True):
            enough[cell] = counted.get(key, 0) >= least and (known is None or key in known)
        publishable[prefix] = inside = np.zeros(of_prefix.sampled, dtype=bool)
        inside[of_prefix.rows] = enough.take(of_prefix.cell)
    return publishable
