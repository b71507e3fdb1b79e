"""Detects candidates that leak the outcome: columns written after it, which no bidder has at bid time.

Signs of a leak:

- values, or elements of lists, that come with the outcome and hardly ever without it. How few rows without the outcome
  prove that depends on the base rate: at a base rate of a half, an honest ad unit may be viewable 99 times of 100;
- presence: the column is filled, or leaves its usual value, with the outcome alone, as an id of the outcome does;
- a whole number that counts the outcome itself: at 0 there is none, and with an outcome it is distributed as without
  one, plus 1;
- a value that differs between the row of an exposure and the row of its event, where the logs have both.

Values are chosen on one half of the rows and judged on the other: where it was chosen, the purest of many is pure by
chance. The evidence is rows: where a row stands for many exposures without the outcome, as in logs that were thinned,
one such row more or less is no proof. Values must be pure among the rows, and by their weight far above the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.lists import Elements, elements_of
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask, sum_by
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.identifiers import kind_of

SUSPECT_SHARE = 0.1
"""Values that leak hold more than this share of the outcomes; fewer may be bots."""
Z_CHANCE = 2.33
"""Standard errors that the rows without the outcome stay below what honest values have: once in a hundred by chance."""
MIN_OUTCOMES = 20
CHOSEN_FROM = (0.5, 0.8, 0.95, 0.99, 0.998)
"""Rates from which values are chosen on one half: the best of these is judged on the other."""
CHOSEN_PRIOR = 2.0
"""Rows of the base rate that shrink each value's rate when values are chosen."""
MIN_ZERO_SHARE, MAX_ZERO_RATIO = 0.05, 0.002
"""A count of 0 has this share of the rows without the outcome, and at most this share of those with it."""
MAX_SHIFTED, MAX_SHIFTED_RATIO = 0.25, 0.5
"""Total variation between the counts with an outcome, less 1, and those without; and relative to that without shift."""
MIN_EVENT_PAIRS = 20
"""Minimum number of exposures that also have a row for the event."""
MAX_DIGITS = 4
"""A larger number than 9999 is an id, and no count."""
HELD_FROM = 0.1
"""A suspected column that would carry more than this share of the gain holds the run until somebody answers."""
SHOWN = 40


class Sign(StrEnum):
    """What gives a column away."""

    VALUES = "values"
    ELEMENTS = "elements"
    PRESENCE = "presence"
    COUNT = "count"
    EVENT = "event"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a column is suspected: its sign, and the evidence as a clause."""

    sign: Sign
    evidence: str


@dataclass(frozen=True, slots=True)
class _HonestOdds:
    """The largest odds of the outcome that honest values reach: `lift` times those of all rows, `most` at most.

    Set so that values of 99.5 % are honest at a base rate of a half, and values of 60 % at one of 0.2 %. Of rows, odds
    of 9 are honest at any base rate, and where nearly all rows have the outcome, 20 times those of all rows.
    """

    lift: float
    most: float

    def of_rows(self, base: float) -> float:
        """Return the odds of rows at a base rate."""
        return max(self.of_weights(base), 9.0, 20 * base / (1 - base))

    def of_weights(self, base: float) -> float:
        """Return the odds of what rows stand for at a base rate."""
        return min(self.lift * base / (1 - base), self.most)


OF_VALUES = _HonestOdds(lift=500, most=250)
OF_ELEMENTS = _HonestOdds(lift=60, most=60)
"""Lists hold an element beside many others: none is nearly certain of the outcome by itself, as a placement may be."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """Rows of the logs with the outcome and without, by half of the rows and value (2 x V each).

    `weight_with` and `weight_without` are what they stand for.
    """

    with_outcome: Floats
    without: Floats
    weight_with: Floats
    weight_without: Floats

    @classmethod
    def of(cls, codes: Ints, size: int, rows: RowOutcomes) -> Self:
        """Count the rows of each value; the sample is in an order that is independent of the outcome."""
        cells = codes + size * (np.arange(len(codes)) % 2)
        counted = [rows.with_outcome * rows.weight, rows.without * rows.weight]
        counted += [each * rows.log_weight for each in counted]
        return cls(*(sum_by(cells, weight, 2 * size).reshape(2, size) for weight in counted))

    def by_class(self, of: Ints, among: Ints, size: int) -> Self:
        """Return the sums of classes of values: the class `of[i]` holds the value `among[i]`."""
        return type(self)(
            *(
                np.stack([sum_by(of, half.take(among), size) for half in counts])
                for counts in (self.with_outcome, self.without, self.weight_with, self.weight_without)
            )
        )

    @property
    def base(self) -> float:
        """The share of the rows that have the outcome."""
        total = float(self.with_outcome.sum())
        return total / (total + float(self.without.sum()))

    def chosen(self, half: int, rate: float) -> Mask:
        """Return the values whose rate on one half reaches a rate (V booleans)."""
        k, n = self.with_outcome[half], self.with_outcome[half] + self.without[half]
        reached = (k + CHOSEN_PRIOR * self.base) >= rate * (n + CHOSEN_PRIOR)
        chosen: Mask = reached & (k > 0)
        return chosen


def suspicion(feature: Feature, rows: RowOutcomes) -> Suspicion | None:
    """Return why the values of a column (n codes) are suspected to leak the outcomes of n rows, if they are."""
    sums = _Sums.of(feature.codes, len(feature.values), rows)
    if sums.with_outcome.sum() * rows.share_with < MIN_OUTCOMES or sums.without.sum() <= 0:
        return None
    return next(_signs(feature, sums, rows), None)


def _signs(feature: Feature, sums: _Sums, rows: RowOutcomes) -> Iterator[Suspicion]:
    """Yield the signs that the values of a column show."""
    values, each = feature.values, np.arange(len(feature.values))
    if pure := _purest(sums, sums.chosen, OF_VALUES, rows):
        yield Suspicion(
            Sign.VALUES, pure.words(f"whose value is one such as {_quoted(values[pure.example])}", sums.base)
        )
    for usual in _usual_values(feature, sums):
        present = sums.by_class((each != usual).astype(np.intp), each, 2)
        if pure := _purest(present, present.chosen, OF_VALUES, rows):
            which = "whose value is not" if pure.example else "whose value is"
            yield Suspicion(Sign.PRESENCE, pure.words(f"{which} {_quoted(values[usual])}", sums.base))
    elements = elements_of(feature)
    if elements is not None:
        of_element = sums.by_class(elements.codes, elements.holders, len(elements.names))
        if pure := _purest(sums, partial(_holders, elements, of_element), OF_ELEMENTS, rows):
            held = of_element.with_outcome.sum(axis=0) * of_element.chosen(0, pure.chosen_from)
            name = _quoted(elements.names[int(np.argmax(held))])
            yield Suspicion(Sign.ELEMENTS, pure.words(f"whose list holds an element such as {name}", sums.base))
    if counts_outcome(feature, sums.with_outcome.sum(axis=0), sums.without.sum(axis=0)):
        words = "it is a whole number that is never 0 with an outcome, and is distributed as without one, plus 1"
        yield Suspicion(Sign.COUNT, words)


@dataclass(frozen=True, slots=True)
class _Pure:
    """Values chosen on one half of the rows, and what they are on the other: their rate, their share of the outcomes.

    `example` is the value with the most outcomes among them, `chosen_from` the rate that they were chosen from.
    """

    rate: float
    share: float
    example: int
    chosen_from: float

    def words(self, which: str, base: float) -> str:
        """Return the evidence; `which` says of rows that they have such a value."""
        return (
            f"{self.rate:.4g} of the rows {which} have the outcome, {base:.2g} of all rows do, and they are "
            f"{self.share:.0%} of the rows with the outcome"
        )


def _purest(sums: _Sums, chosen: Callable[[int, float], Mask], honest: _HonestOdds, rows: RowOutcomes) -> _Pure | None:
    """Return the values that have too few rows without the outcome to be honest; None where there are none.

    Args:
        sums: The rows by value.
        chosen: The values (V booleans) that are chosen on one half of the rows from a rate on.
        honest: What honest values reach.
        rows: Which shares of the rows were drawn.
    """
    total, weight_with, weight_without = (
        float(part.sum()) for part in (sums.with_outcome, sums.weight_with, sums.weight_without)
    )
    of_rows = honest.of_rows(sums.base)
    of_weights = honest.of_weights(weight_with / (weight_with + weight_without))
    for rate in CHOSEN_FROM:
        others = np.stack([chosen(half, rate) for half in (1, 0)])  # chosen on the one, counted on the other
        k, c, weight = (float(part[others].sum()) for part in (sums.with_outcome, sums.without, sums.weight_with))
        expected = k / of_rows, weight / of_weights * float(sums.without.sum()) / weight_without
        is_rare = _is_below(c * rows.share_without, min(expected) * rows.share_without)
        if k > SUSPECT_SHARE * total and k * rows.share_with >= MIN_OUTCOMES and is_rare:
            example = int(np.argmax((sums.with_outcome * others).sum(axis=0)))
            return _Pure(k / (k + c), k / total, example, rate)
    return None


def _is_below(count: float, expected: float) -> bool:
    """Whether a count is significantly below what is expected, by its variance-stabilising root.

    Freeman and Tukey (1950).
    """
    return 2 * (sqrt(expected) - sqrt(count + 1)) > Z_CHANCE


def _holders(elements: Elements, of_element: _Sums, half: int, rate: float) -> Mask:
    """Return the values (V booleans) whose lists hold an element that is chosen on one half from a rate on."""
    return sum_by(elements.holders, of_element.chosen(half, rate)[elements.codes].astype(float), elements.lists) > 0


def _usual_values(feature: Feature, sums: _Sums) -> list[int]:
    """Return the codes of what may stand for no value: that of missing values, and the most frequent value."""
    if len(feature.values) < 3:  # noqa: PLR2004 - two values are judged as values
        return []
    most = int(np.argmax((sums.with_outcome + sums.without).sum(axis=0)))
    missing = [feature.values.index(MISSING)] if MISSING in feature.values else []
    return list(dict.fromkeys((*missing, most)))


def counts_outcome(feature: Feature, with_outcome: Floats, without: Floats) -> bool:
    """Whether a column is a count that includes the outcome of its own row.

    Such a count is never 0 with an outcome, and less 1 is distributed as without one.

    Args:
        feature: The candidate, of V values.
        with_outcome: The rows with the outcome by value (V floats).
        without: The rows without it by value (V floats).
    """
    counts = [int(value) if value.isdecimal() and len(value) <= MAX_DIGITS else -1 for value in feature.values]
    known = [value == MISSING or count >= 0 for value, count in zip(feature.values, counts, strict=True)]
    if not all(known) or max(counts) < 1:
        return False
    at = np.array(counts)
    k, c = (sum_by(at[at >= 0], half[at >= 0], max(counts) + 2) for half in (with_outcome, without))
    if k.sum() < MIN_OUTCOMES or c.sum() <= 0:
        return False
    k, c = k / k.sum(), c / c.sum()
    if c[0] < MIN_ZERO_SHARE or k[0] > MAX_ZERO_RATIO:
        return False
    shifted, plain = float(np.abs(k[1:] - c[:-1]).sum()) / 2, float(np.abs(k - c).sum()) / 2
    return shifted <= min(MAX_SHIFTED, MAX_SHIFTED_RATIO * plain)


def changes_between_exposure_and_event(
    feature: Feature, outcome: NDArray[np.float64], row_id: NDArray[np.uint64]
) -> Suspicion | None:
    """Return a suspicion where the column differs between the rows of one id without and with an outcome.

    Args:
        feature: The candidate over n rows.
        outcome: Outcomes of each row (n floats).
        row_id: A hash of each row's id (n integers): an exposure and its event share it.
    """
    order = np.lexsort((outcome, row_id))
    first, second = order[:-1], order[1:]
    pairs = (row_id[first] == row_id[second]) & (outcome[first] == 0) & (outcome[second] > 0)
    changed = feature.codes[first][pairs] != feature.codes[second][pairs]
    if len(changed) < MIN_EVENT_PAIRS or not changed.mean() > SUSPECT_SHARE:
        return None
    words = f"it differs between the rows of one id without and with the outcome, in {changed.mean():.0%} of the ids"
    return Suspicion(Sign.EVENT, words)


def _quoted(value: str) -> str:
    """Return a value for a message; none that identifies a person or a device."""
    kind = kind_of(value)
    if kind is not None:
        return f"those of {kind}"
    return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}...")
