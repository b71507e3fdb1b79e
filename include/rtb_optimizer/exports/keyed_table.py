"""Defines the table that a platform looks up: prefixes of its own fields' values, each with the bid's whole multiplier.

Every export is made from such a table: the joint table, compiled for the fields that the platform knows. The longest
prefix that has a row answers, the default last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True, slots=True)
class KeyedRow:
    """A prefix of the fields' values, its exposures, and its bid: a multiplier, or no bid."""

    values: tuple[str, ...]
    exposures: float
    multiplier: float
    no_bid: bool = False


@dataclass(frozen=True)
class KeyedTable:
    """Rows by `features` in order, of distinct values, at least one each; `default` answers all other requests."""

    features: tuple[str, ...]
    rows: tuple[KeyedRow, ...]
    default: float

    @cached_property
    def _by_values(self) -> Mapping[tuple[str, ...], KeyedRow]:
        return {row.values: row for row in self.rows}

    def row_of(self, values: Sequence[str]) -> KeyedRow | None:
        """Return the row that answers a request, canonical values in the features' order; None for the default."""
        prefixes = (tuple(values[:depth]) for depth in range(len(self.features), 0, -1))
        return next((self._by_values[prefix] for prefix in prefixes if prefix in self._by_values), None)

    def by_impact(self) -> Iterator[KeyedRow]:
        """Yield the rows by falling impact: exposures times the bid's relative distance from the answer without it."""
        yield from sorted(self.rows, key=lambda row: (-self._impact(row), row.values))

    def _impact(self, row: KeyedRow) -> float:
        above = self.row_of(row.values[:-1])
        fallback = self.default if above is None else above.multiplier
        flips_no_bid = row.no_bid or (above is not None and above.no_bid)
        return row.exposures * (1.0 if flips_no_bid else abs(row.multiplier / fallback - 1))

    def keeping(self, rows: Sequence[KeyedRow]) -> "KeyedTable":
        """Return the table with only these of its rows, in its own order."""
        values = {row.values for row in rows}
        return replace(self, rows=tuple(row for row in self.rows if row.values in values))
