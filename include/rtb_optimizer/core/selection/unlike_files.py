"""Finds files whose outcomes are inverted or lost, among files of the same traffic whose outcomes are alike.

A server that writes 0 for a click, or that lost the clicks, leaves files beside those of the others. Files may well
differ: by country, publisher or hour. So the others have to be alike, and the rows of the file have to have the values,
and the hours, that rows of other files have, where these have the outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Mask, sum_by

ENOUGH = 30.0
"""Rows with the outcome that a file should have: by chance one of 10^13 such has none."""
FEW = 10.0
"""Rows without it that an inverted file has at least, so that how many there are is known to a third."""
OTHERS, MOST = {"inverted": 3, "lost": 7}, 2
"""Files with enough that are alike, at least, and how many times as many as those that are not. Three of publishers
that no column tells are alike by chance, and one that has no outcome is honest; odds upside down are none's."""
ALIKE, STRAY = log(2.0), 0.05
"""Odds of files of the same traffic are within this factor of each other, beside chance, but for this share of them."""
MAX_INVERTED = 0.05
"""A run is held where a larger share of its outcomes stands in inverted files."""
APART = log(30.0)
"""Odds of an inverted file are this factor from the others': where a third has the outcome, 1 - 1/3 is no news."""
COMMON = 20
"""Rows of a value that is compared between files; values with fewer, as of ids, are in one file by chance."""
MOSTLY = 0.2
"""Share of a file's rows that have common values of a column for it to say where the file is from."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """Files whose outcomes are "inverted" or "lost", and which share of the window's outcomes is wrong by that.

    `rate` is the rate of outcomes of the other files.
    """

    kind: str
    files: Sequence[str]
    share: float
    rate: float


@dataclass(frozen=True, slots=True)
class _Files:
    """Rows of the logs by file (F floats each): with the outcome, all; and drawn rows with it, without it."""

    having: Floats
    total: Floats
    drawn_without: Floats
    share_with: float

    @property
    def odds(self) -> Floats:
        """The logarithm of the odds of the outcome, infinite where all rows have it, or none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(self.having) - np.log(self.total - self.having))

    @property
    def usual(self) -> float:
        """The odds of the file in the middle, by rows."""
        odds = self.odds
        order = np.argsort(odds)
        at = np.searchsorted(np.cumsum(self.total[order]), self.total.sum() / 2)
        return float(odds[order[min(int(at), len(order) - 1)]])


def unlike_files(
    rows: RowOutcomes, file: Feature, features: Mapping[str, Feature], hours: NDArray[np.datetime64]
) -> list[Unlike]:
    """Return the files whose outcomes are inverted, and those whose outcomes are lost; nothing where neither is sure.

    Args:
        rows: What each row is evidence of (n).
        file: The file of each row.
        features: The columns of the rows that may tell why a file is what it is.
        hours: The hour of each row, or its day (n).
    """
    found = _by_file(rows, file)
    usual = found.usual if len(found.total) > min(OTHERS.values()) else np.inf
    if not np.isfinite(usual):
        return []
    kinds = _suspects(found, usual)
    suspect = kinds["inverted"] | kinds["lost"]
    alike = _alike_others(found, usual, suspect) if suspect.any() else 0
    kinds = {kind: which for kind, which in kinds.items() if alike >= OTHERS[kind] and which.any()}
    if not kinds:
        return []
    of_hours = Feature(np.unique(hours, return_inverse=True)[1], ())
    confirmed = _confirmed(rows, file, [*features.values(), of_hours], suspect)
    wrong = {kind: np.flatnonzero(which & (confirmed >= ENOUGH)) for kind, which in kinds.items()}
    rate = 1 / (1 + np.exp(-usual))
    lost = rate * found.total[wrong["lost"]].sum() if "lost" in wrong else 0.0
    shares = {kind: found.having[codes].sum() / found.having.sum() for kind, codes in wrong.items()}
    shares |= {"lost": lost / (found.having.sum() + lost)}
    return [
        Unlike(kind, [file.values[n] for n in codes.tolist()], float(shares[kind]), float(rate))
        for kind, codes in wrong.items()
        if len(codes)
    ]


def _by_file(rows: RowOutcomes, file: Feature) -> _Files:
    size = len(file.values)
    having = sum_by(file.codes, rows.with_outcome * rows.weight, size)
    without = sum_by(file.codes, rows.without * rows.weight, size)
    return _Files(having, having + without, sum_by(file.codes, rows.without, size), rows.share_with)


def _expected(files: _Files, usual: float) -> tuple[Floats, Floats]:
    """Return how many drawn rows of each file should have the outcome, and how many should be of the rarer kind."""
    rate = 1 / (1 + np.exp(-usual))
    return files.total * rate * files.share_with, files.total * min(rate, 1 - rate) * files.share_with


def _suspects(files: _Files, usual: float) -> dict[str, Mask]:
    """Return which files have the odds of the others upside down, and which have no outcome where many should be."""
    expected, rarer = _expected(files, usual)
    odds = files.odds
    with np.errstate(invalid="ignore"):
        mirrored = np.abs(odds + usual) <= ALIKE + 2 / np.sqrt(np.maximum(rarer, 1.0))
        inverted = mirrored & (np.abs(odds - usual) >= APART)
    inverted &= (rarer >= ENOUGH) & ((files.drawn_without >= FEW) | (usual > 0))
    return {"inverted": inverted, "lost": (expected >= ENOUGH) & (files.having == 0)}


def _alike_others(files: _Files, usual: float, suspect: Mask) -> int:
    """Return how many files are beside those that are suspected; 0 where they are too few, or unlike but for a few."""
    rarer = _expected(files, usual)[1]
    with np.errstate(invalid="ignore"):
        alike = np.abs(files.odds - usual) <= ALIKE + 2 / np.sqrt(np.maximum(rarer, 1.0))
    others = (rarer >= ENOUGH) & ~suspect
    count = int(others.sum())
    are_alike = count >= MOST * int(suspect.sum()) and int((others & ~alike).sum()) <= STRAY * count
    return count if are_alike else 0


def _confirmed(rows: RowOutcomes, file: Feature, columns: Sequence[Feature], suspect: Mask) -> Floats:
    """Return how many drawn rows of each suspected file should have the outcome by the column that expects fewest.

    A column expects what rows of the same value have in the files that are not suspected; nothing of a common value
    that these lack. A column most of whose values are rare says nothing.
    """
    size = len(file.values)
    is_rest = ~suspect[file.codes]
    with_outcome, total = rows.with_outcome * rows.weight, (rows.with_outcome + rows.without) * rows.weight
    of_suspects = np.flatnonzero(~is_rest)
    codes, weights = file.codes[of_suspects], total[of_suspects]
    least = np.full(size, np.inf)
    for column in columns:
        values = int(column.codes.max(initial=-1)) + 1
        common = (np.bincount(column.codes, minlength=values) >= COMMON)[column.codes[of_suspects]]
        having, seen = (sum_by(column.codes[is_rest], of[is_rest], values) for of in (with_outcome, total))
        rate = (having / np.maximum(seen, 1e-300))[column.codes[of_suspects]]
        all_rows, compared = sum_by(codes, weights, size), sum_by(codes, weights * common, size)
        expected = sum_by(codes, weights * common * rate, size) * all_rows / np.maximum(compared, 1e-300)
        least = np.where(compared > MOSTLY * all_rows, np.minimum(least, expected * rows.share_with), least)
    return np.where(suspect, least, 0.0)
