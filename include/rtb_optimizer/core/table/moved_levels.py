"""Warns of values whose money, or exposures, are of another magnitude than in the active run's table.

What `day_levels` finds between the days of a window shows from night to night where a window is one day. The other
values of the feature say how much levels move by themselves.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.table.day_levels import APART, KEPT, MOST_VALUES, THINNED, TIMES
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable
from rtb_optimizer.core.table.segments import Segment

MIN_SHARE, MIN_OUTCOMES = 0.03, 20.0
"""Share of the exposures, now and then, and outcomes, of less than which a value says little.

Of a value of any share, a tenth of the nights of real logs had one whose money moved by the factor, with this share
none of 290 had.
"""
WORDS = {
    "price_moves": "costs {:.3g} times per exposure what it cost in the active run's window{}: another unit, as cents "
    "or per thousand, or another currency? the level of all bids follows the spend in cost_column; roll back and "
    "have the logs delivered in one unit if they are wrong",
    "worth_moves": "earns {:.3g} times per exposure what it earned in the active run's window{}: another unit, as "
    "cents, or another currency? roll back and have the logs delivered in one unit if they are wrong",
    "exposures_thinned": "has {:.3g} times its part of the exposures of the active run's window, and the outcomes of "
    "a whole one{}: are exposures without an outcome sampled, or lost? the table takes its rate for better than it is; "
    "deliver all of them, or what each stands for in weight_column",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A value, its row now, and that of the active run."""

    value: str
    now: Segment
    then: PublishedRow
    share: float

    @property
    def changes(self) -> tuple[float, float, float, float]:
        """Logarithms of the factors of price, money per exposure, exposures and outcomes; NaN where little is known."""
        counts, then = self.now.counts, self.then
        seen, seen_then, known = counts.exposure, then.exposure, self.share >= MIN_SHARE
        enough = min(self.now.events, then.outcome) >= MIN_OUTCOMES
        return (
            _log(counts.cost, then.cost) - _log(seen, seen_then) if known else np.nan,
            _log(counts.value, then.value) - _log(seen, seen_then) if known and enough else np.nan,
            _log(seen, seen_then) if enough else np.nan,
            _log(self.now.events, then.outcome) if enough else np.nan,
        )


def moved_levels(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None, *, is_money: bool
) -> list[RunWarning]:
    """Warn of the value of each feature whose cost, money or exposures have moved most since the active run.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
        is_money: Whether outcomes are money.
    """
    total, by_feature = max(segments[0].counts.exposure, 1e-300), defaultdict[str, list[_Pair]](list)
    for segment in segments[1:]:
        given = [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]
        row = before.rows.get(frozenset(given)) if before and len(given) == 1 else None
        if before is not None and row is not None:
            share = min(segment.counts.exposure / total, row.exposure / max(before.exposure, 1e-300))
            by_feature[given[0][0]].append(_Pair(given[0][1], segment, row, share))
    warnings = []
    for name, pairs in by_feature.items():
        price, worth, seen, had = np.array([pair.changes for pair in pairs], dtype=np.float64).T
        warnings += _warned("price_moves", name, pairs, price, _far(price))
        if is_money:
            warnings += _warned("worth_moves", name, pairs, worth, _far(worth))
        else:
            fell, kept = seen - _of_others(seen), had - _of_others(had)
            thinned = (-fell > np.maximum(log(THINNED), TIMES * _noise(seen))) & (np.abs(kept) < log(KEPT))
            warnings += _warned("exposures_thinned", name, pairs, fell, thinned)
    return warnings


def _log(now: float, then: float) -> float:
    return log(now / then) if now > 0 and then > 0 else float("nan")


def _far(change: Floats) -> np.ndarray:
    """Return which values have moved far, and farther than the other values are from each other (V booleans)."""
    return np.asarray(np.abs(change) > np.maximum(log(APART), TIMES * _noise(change)))


def _of_others(change: Floats) -> Floats:
    """Return the median change of the other values (V floats), NaN where none is known."""
    return np.array([_median(np.delete(change, n)) for n in range(len(change))])


def _noise(change: Floats) -> Floats:
    """Return how far the other values are from their median (V floats), 0 where fewer than two are known."""
    found = np.zeros(len(change))
    for n in range(len(change)):
        others = np.delete(change, n)
        others = others[np.isfinite(others)]
        if len(others) > 1:
            found[n] = np.percentile(np.abs(others - np.median(others)), MOST_VALUES)
    return found


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _warned(code: str, name: str, pairs: Sequence[_Pair], change: Floats, which: np.ndarray) -> list[RunWarning]:
    if not which.any():
        return []
    n = int(np.argmax(np.where(which, np.abs(change), 0.0)))
    more = f", as do {int(which.sum()) - 1} more of {name}" if which.sum() > 1 else ""
    return [RunWarning(code, f"{name}={pairs[n].value} {WORDS[code].format(exp(float(change[n])), more)}")]
