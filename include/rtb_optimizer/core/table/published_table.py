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

    `is_significant` tells whether the gain of its feature is, `no_bid` whether its requests are not bid on, `bought_at`
    the multiplier that would have bought its exposures, all bid alike, `centre` what its factor shrinks to; `cost` and
    `value` are those of the logs.
    """

    segment: str
    pattern: Pattern
    exposure: float
    outcome: float
    expected: float
    prior: float
    multiplier: float
    is_significant: bool = True
    no_bid: bool = False
    bought_at: float = 1.0
    factor: float = 1.0
    centre: float = 1.0
    cost: float = 0.0
    value: float = 0.0

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
    """A table: `base_multiplier` is the default row's, `terms` are the model's, with rows or without.

    `exposure` is that of its window, which a multiplier of `bought_at` for all would have bought; `rate` is the
    prediction of the default row, in the measure of the logs.
    """

    features: tuple[str, ...]
    terms: frozenset[Term]
    rows: Mapping[Pattern, PublishedRow]
    base_multiplier: float
    rules: SegmentRules
    scale: Scale = Scale()
    exposure: float = 0.0
    bought_at: float = 1.0
    rate: float = 0.0

    @property
    def multipliers(self) -> dict[Pattern, float]:
        """The multiplier of each row beside the default."""
        return {pattern: row.multiplier for pattern, row in self.rows.items()}

    @property
    def factors(self) -> dict[Pattern, float]:
        """The factor of each row beside the default."""
        return {pattern: row.factor for pattern, row in self.rows.items()}

    def terms_beyond(self, max_movement: float) -> list[Term]:
        """Return the terms with a row that a run cannot move to 1, or that is not bid on, in a stable order."""
        far = {
            row.term
            for row in self.rows.values()
            if row.no_bid or not 1 / max_movement <= row.multiplier <= max_movement
        }
        return sorted(far, key=lambda term: (len(term), *(self.features.index(name) for name in sorted(term))))

    @property
    def no_bid(self) -> dict[Pattern, float]:
        """The rows that are not bid on, each with a multiplier of 0."""
        return {pattern: 0.0 for pattern, row in self.rows.items() if row.no_bid}


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
    default, table_rows = dict[str, Any](multiplier=1.0), dict[Pattern, PublishedRow]()
    for row in rows:
        if row["is_default"]:
            default = dict(row)
            continue
        pattern, prior = _pattern(row["segment"], features), row.get("prior")
        table_rows[pattern] = PublishedRow(
            segment=row["segment"],
            pattern=pattern,
            exposure=row["exposures"],
            outcome=row.get("events", row["outcomes"]),
            expected=row["expected"] / (scale.unit * scale.stands_for),
            prior=priors[frozenset(name for name, _ in pattern)] if prior is None else prior,
            multiplier=row["multiplier"],
            is_significant=frozenset(name for name, _ in pattern) not in insignificant,
            no_bid=bool(row.get("no_bid")),
            bought_at=row.get("bought_at") or 1.0,
            factor=row.get("factor", 1.0),
            centre=row.get("pooled_factor") or 1.0,
            **{name: row.get(name) or 0.0 for name in ("cost", "value")},
        )
    return PublishedTable(
        features=tuple(features),
        terms=frozenset(priors),
        rows=table_rows,
        base_multiplier=default["multiplier"],
        rules=rules,
        scale=scale,
        exposure=default.get("exposures") or 0.0,
        bought_at=default.get("bought_at") or 1.0,
        rate=(default.get("expected") or 0.0) / (default.get("exposures") or 1.0),
    )


def _pattern(segment: str, features: Sequence[str]) -> Pattern:
    parts = zip(features, split_key(segment), strict=True)
    return frozenset((name, part) for name, part in parts if part is not None)
