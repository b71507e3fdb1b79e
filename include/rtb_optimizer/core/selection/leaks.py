"""Detects candidates that leak the outcome: columns written after it, which no bidder has at bid time.

Signs of a leak:

- values, or elements of lists, that come with the outcome and hardly ever without it. How few rows without the outcome
  prove that depends on the base rate: at a base rate of a half, an honest ad unit may be viewable 99 times of 100;
- presence: the column is filled, or leaves its usual value, with the outcome alone, as an id of the outcome does;
- a whole number that counts the outcome itself: at 0 there is none, and with an outcome it is distributed as without
  one, plus 1;
- a value that differs between the row of an exposure and the row of its event, where the logs have both;
- values of two or three columns that interact, which come with the outcome together though neither does alone;
- values that tell which rows were bought, where rows that were not stand among the exposures (`unbought`).

Values are chosen on one half of the rows and judged on the other: where it was chosen, the purest of many is pure by
chance. The evidence is rows: where a row stands for many exposures without the outcome, as in logs that were thinned,
one such row more or less is no proof. Values must be pure among the rows, and by their weight far above the others; or
their rows must be like rows with the outcome by every other column (`written_after`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.crossing import cell_codes
from rtb_optimizer.core.sample.lists import Elements, elements_of
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask, Sample, sum_by
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.identifiers import kind_of
from rtb_optimizer.core.selection.purity import MIN_OUTCOMES, OF_ELEMENTS, OF_VALUES, SUSPECT_SHARE, PurityTest, RowSums
from rtb_optimizer.core.selection.written_after import is_as_drawn_from_outcomes

MIN_EVENT_PAIRS = 20
"""Minimum number of exposures that also have a row for the event."""
MIN_ZERO_SHARE, MAX_ZERO_RATIO = 0.05, 0.002
"""A count of 0 has this share of the rows without the outcome, and at most this share of those with it."""
MAX_SHIFTED, MAX_SHIFTED_RATIO = 0.25, 0.5
"""Total variation between the counts with an outcome, less 1, and those without; and relative to that without shift."""
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
    TOGETHER = "together"
    PURCHASE = "purchase"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a column is suspected: its sign, and the evidence as a clause."""

    sign: Sign
    evidence: str


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, the outcomes of its rows, and the other columns."""

    feature: Feature
    rows: RowOutcomes
    others: Sequence[Feature]

    def is_as_drawn(self, classes: Ints, chosen: Mask) -> bool:
        """Whether the rows of chosen classes (2 x C booleans, by half) are like rows with the outcome by other columns.

        The value v is of the class `classes[v]`.
        """
        held = chosen[np.arange(len(self.feature.codes)) % 2, classes.take(self.feature.codes)]
        return is_as_drawn_from_outcomes(held, self.rows, self.others)


def suspected_from(leak_score: float, rate: float, link: Link) -> float:
    """Return the share of the baseline deviance from which on what a column explains alone is suspected.

    `leak_score` is for rare outcomes. On the odds scale an honest placement near 0 or 1 explains more, the less rare
    the outcome is: where the rarer of having it and not having it is a share q of the exposures, as little may be left
    unexplained as (1 - q) times what `leak_score` leaves. At rates of 20 to 80 % honest placements reach 0.6, and
    copies of the outcome of which 2 % are wrong 0.8 (`make bench`, `leaks`).
    """
    return leak_score if link is Link.LOG else 1 - (1 - leak_score) * (1 - min(rate, 1 - rate))


def suspicion(feature: Feature, rows: RowOutcomes, others: Sequence[Feature] = ()) -> Suspicion | None:
    """Return why the values of a column (n codes) are suspected to leak the outcomes of n rows, if they are.

    `others` are the other columns of the rows.
    """
    sums = RowSums.of(feature.codes, len(feature.values), rows)
    if sums.with_outcome.sum() * rows.share_with < MIN_OUTCOMES or sums.without.sum() <= 0:
        return None
    return next(_signs(_Column(feature, rows, others), sums), None)


def suspicion_together(sample: Sample, names: Sequence[str], rows: RowOutcomes) -> Suspicion | None:
    """Return why the values of several columns together are suspected to leak the outcome, if they are."""
    codes, size = cell_codes(sample, names)
    sums = RowSums.of(codes, size, rows)
    if sums.with_outcome.sum() * rows.share_with < MIN_OUTCOMES or sums.without.sum() <= 0:
        return None
    pure = PurityTest(sums, rows, lambda _: False).purest(sums.chosen, OF_VALUES)
    if pure is None:
        return None
    row = int(np.argmax(codes == pure.example))
    features = [sample.features[name] for name in names]
    example = " and ".join(_quoted(feature.values[feature.codes[row]]) for feature in features)
    return Suspicion(Sign.TOGETHER, pure.words(f"whose values together are such as {example}", sums.base))


def _signs(column: _Column, sums: RowSums) -> Iterator[Suspicion]:
    """Yield the signs that the values of a column show."""
    feature, values, each = column.feature, column.feature.values, np.arange(len(column.feature.values))
    by_value = PurityTest(sums, column.rows, partial(column.is_as_drawn, each))
    if pure := by_value.purest(sums.chosen, OF_VALUES):
        yield Suspicion(
            Sign.VALUES, pure.words(f"whose value is one such as {_quoted(values[pure.example])}", sums.base)
        )
    for usual in _usual_values(feature, sums):
        is_present = (each != usual).astype(np.intp)
        present = sums.by_class(is_present, each, 2)
        by_presence = PurityTest(present, column.rows, partial(column.is_as_drawn, is_present))
        if pure := by_presence.purest(present.chosen, OF_VALUES):
            which = "whose value is not" if pure.example else "whose value is"
            yield Suspicion(Sign.PRESENCE, pure.words(f"{which} {_quoted(values[usual])}", sums.base))
    elements = elements_of(feature)
    if elements is not None:
        of_element = sums.by_class(elements.codes, elements.holders, len(elements.names))
        if pure := by_value.purest(partial(_holders, elements, of_element), OF_ELEMENTS):
            held = of_element.with_outcome.sum(axis=0) * of_element.chosen(0, pure.chosen_from)
            name = _quoted(elements.names[int(np.argmax(held))])
            yield Suspicion(Sign.ELEMENTS, pure.words(f"whose list holds an element such as {name}", sums.base))
    if counts_outcome(feature, sums.with_outcome.sum(axis=0), sums.without.sum(axis=0)):
        words = "it is a whole number that is never 0 with an outcome, and is distributed as without one, plus 1"
        yield Suspicion(Sign.COUNT, words)


def _holders(elements: Elements, of_element: RowSums, half: int, rate: float) -> Mask:
    """Return the values (V booleans) whose lists hold an element that is chosen on one half from a rate on."""
    return sum_by(elements.holders, of_element.chosen(half, rate)[elements.codes].astype(float), elements.lists) > 0


def _usual_values(feature: Feature, sums: RowSums) -> list[int]:
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
    if not all(value == MISSING or _is_count(value) for value in feature.values):
        return False
    counts = [-1 if value == MISSING else int(value) for value in feature.values]
    if max(counts) < 1:
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


def _is_count(value: str) -> bool:
    return len(value) <= MAX_DIGITS and value.isdecimal()


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
