"""Looks a request up in the master table: the rows that match it, and the bid that follows.

This specifies what a bidder does with the master table: the look-up and the table must agree on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from rtb_optimizer.core.sample.values import MISSING, segment_key, split_key


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the published table, as far as a look-up needs it."""

    segment: str
    factor: float
    multiplier: float

    @property
    def pattern(self) -> list[str | None]:
        """The row's values by feature order, None for any."""
        return split_key(self.segment)


@dataclass(frozen=True, slots=True)
class Answer:
    """The matching rows in table order, `rate` relative to the entity's own, and the bid's total multiplier."""

    key: str
    rows: tuple[Row, ...]
    rate: float
    multiplier: float
    unclipped: float


def look_up(
    table: Iterable[Row], features: Sequence[str], values: Mapping[str, str], minimum: float, maximum: float
) -> Answer:
    """Look a request up: `values` by feature, canonical; a feature without a value is missing.

    Args:
        table: All rows, the default among them.
        features: The table's features in order.
        values: The request's values, by feature.
        minimum: The smallest total multiplier.
        maximum: The largest total multiplier.
    """
    request = [values.get(name, MISSING) for name in features]
    matched = tuple(row for row in table if _matches(row.pattern, request))
    unclipped = prod(row.multiplier for row in matched)
    return Answer(
        key=segment_key(request),
        rows=matched,
        rate=prod(row.factor for row in matched),
        multiplier=min(max(unclipped, minimum), maximum),
        unclipped=unclipped,
    )


def back_off_keys(values: Sequence[str]) -> list[str]:
    """Return the keys that are looked up in a joint table, the longest prefix first, the default row's last."""
    depths = range(len(values), -1, -1)
    return [segment_key([*values[:depth], *[None] * (len(values) - depth)]) for depth in depths]


def _matches(pattern: Sequence[str | None], request: Sequence[str]) -> bool:
    # The pattern of a table without features is one empty part: the default row, which matches everything.
    return not request or all(part in (None, value) for part, value in zip(pattern, request, strict=True))
