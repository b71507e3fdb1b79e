"""What does a run's table say, row by row, whatever order its features stand in?

A row is known by what it gives, feature by feature, so that tables of two runs can be held against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.values import split_key
from rtb_optimizer.core.table.rows import Pattern, SegmentRules

Term = frozenset[str]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row beside the default: its key, what it gives, what it was bid on, and its own multiplier."""

    segment: str
    given: Pattern
    exposure: float
    outcome: float
    expected: float
    prior: float
    multiplier: float

    @property
    def term(self) -> Term:
        """The feature, or the interacting features, that the row gives a value of."""
        return frozenset(name for name, _ in self.given)


@dataclass(frozen=True, slots=True)
class Scale:
    """On which scale factors multiply, in which unit outcomes are counted, and how steep it was made.

    `stands_for` is how many exposures of the logs are evidence of one. `odds_against` are the
    entity's exposures without an outcome per outcome.
    """

    link: Link = Link.LOG
    odds_against: float = 0.0
    unit: float = 1.0
    slope: float = 1.0
    stands_for: float = 1.0


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table: `level` is the default row's multiplier, `terms` are those of the model, with rows or without."""

    features: tuple[str, ...]
    terms: frozenset[Term]
    rows: Mapping[Pattern, PublishedRow]
    level: float
    rules: SegmentRules
    scale: Scale = Scale()

    @property
    def multipliers(self) -> dict[Pattern, float]:
        """The multiplier of each row beside the default."""
        return {given: row.multiplier for given, row in self.rows.items()}


def read_table(
    rows: Iterable[Mapping[str, Any]],
    features: Sequence[str],
    priors: Mapping[Term, float],
    rules: SegmentRules,
    scale: Scale = Scale(),
) -> PublishedTable:
    """Read the rows of a segment table.

    Args:
        rows: The table's rows by column, the default among them.
        features: The features in the order that the keys have.
        priors: The prior of each term of the model; what a row says of its own prior goes before.
        rules: What the multipliers were made by.
        scale: What the model multiplied, and in which unit it counted.
    """
    level, found = 1.0, dict[Pattern, PublishedRow]()
    for row in rows:
        if row["is_default"]:
            level = row["multiplier"]
            continue
        given = _given(row["segment"], features)
        prior = row.get("prior")
        found[given] = PublishedRow(
            segment=row["segment"],
            given=given,
            exposure=row["exposures"],
            outcome=row.get("events", row["outcomes"]),
            expected=row["expected"] / (scale.unit * scale.stands_for),
            prior=priors[frozenset(name for name, _ in given)] if prior is None else prior,
            multiplier=row["multiplier"],
        )
    return PublishedTable(tuple(features), frozenset(priors), found, level, rules, scale)


def _given(segment: str, features: Sequence[str]) -> Pattern:
    parts = zip(features, split_key(segment), strict=True)
    return frozenset((name, part) for name, part in parts if part is not None)
