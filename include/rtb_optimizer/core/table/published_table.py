"""Reads a published table back, independent of the order of its features.

A row is identified by its values by feature, so that tables of two runs can be compared.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.values import split_key
from rtb_optimizer.core.table.rows import Pattern, SegmentRules

Term = frozenset[str]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row beside the default: its key, its pattern, its statistics, and its own multiplier.

    `is_significant` tells whether the gain of its feature is.
    """

    segment: str
    pattern: Pattern
    exposure: float
    outcome: float
    expected: float
    prior: float
    multiplier: float
    is_significant: bool = True

    @property
    def term(self) -> Term:
        """The feature, or the interacting features, of the row's pattern."""
        return frozenset(name for name, _ in self.pattern)


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the model: its link, the unit of outcomes, and the calibration slope.

    `unit` is the amount of the logs' measure per outcome, `stands_for` the exposures of the logs per effective one
    (design effect), `odds_against` the entity's exposures without an outcome per outcome.
    """

    link: Link = Link.LOG
    odds_against: float = 0.0
    unit: float = 1.0
    slope: float = 1.0
    stands_for: float = 1.0


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table: `base_multiplier` is the default row's, `terms` are the model's, with rows or without."""

    features: tuple[str, ...]
    terms: frozenset[Term]
    rows: Mapping[Pattern, PublishedRow]
    base_multiplier: float
    rules: SegmentRules
    scale: Scale = Scale()

    @property
    def multipliers(self) -> dict[Pattern, float]:
        """The multiplier of each row beside the default."""
        return {pattern: row.multiplier for pattern, row in self.rows.items()}


def read_table(
    rows: Iterable[Mapping[str, Any]],
    features: Sequence[str],
    priors: Mapping[Term, float],
    rules: SegmentRules,
    scale: Scale = Scale(),
    insignificant: Collection[Term] = (),
) -> PublishedTable:
    """Read the rows of a segment table.

    Args:
        rows: The table's rows by column, the default among them.
        features: The features in the order that the keys have.
        priors: The prior of each term of the model; a prior in the row itself takes precedence.
        rules: The rules that the multipliers were made by.
        scale: The scale of the model.
        insignificant: The terms whose gain is not significant.
    """
    base_multiplier, table_rows = 1.0, dict[Pattern, PublishedRow]()
    for row in rows:
        if row["is_default"]:
            base_multiplier = row["multiplier"]
            continue
        pattern = _pattern(row["segment"], features)
        prior = row.get("prior")
        table_rows[pattern] = PublishedRow(
            segment=row["segment"],
            pattern=pattern,
            exposure=row["exposures"],
            outcome=row.get("events", row["outcomes"]),
            expected=row["expected"] / (scale.unit * scale.stands_for),
            prior=priors[frozenset(name for name, _ in pattern)] if prior is None else prior,
            multiplier=row["multiplier"],
            is_significant=frozenset(name for name, _ in pattern) not in insignificant,
        )
    return PublishedTable(tuple(features), frozenset(priors), table_rows, base_multiplier, rules, scale)


def _pattern(segment: str, features: Sequence[str]) -> Pattern:
    parts = zip(features, split_key(segment), strict=True)
    return frozenset((name, part) for name, part in parts if part is not None)
