"""Selects the rows of a table that a platform accepts, and formats multipliers."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from rtb_optimizer.core.platforms.column import Column
from rtb_optimizer.core.sample.values import NO_VALUES
from rtb_optimizer.exports.keyed_table import KeyedTable

NO_VALUE = "rare and unexpanded values, which no bid request has"


def accepted_rows(table: KeyedTable, columns: Mapping[str, Column]) -> tuple[KeyedTable, Counter[str]]:
    """Return the table without the rows that have a value its column does not accept, and their number by cause."""
    accepted, lost = [], Counter[str]()
    for row in table.rows:
        pairs = zip(columns.items(), row.values, strict=False)
        cause = next((_cause(name, column, value) for (name, column), value in pairs if not column.takes(value)), None)
        if cause is None:
            accepted.append(row)
        else:
            lost[cause] += 1
    return table.keeping(accepted), lost


def _cause(name: str, column: Column, value: str) -> str:
    return NO_VALUE if value in NO_VALUES else f"values that {name} does not accept: it accepts {column.wants}"


def format_multiplier(multiplier: float) -> str:
    """Return a multiplier as text: six digits, without an exponent, never `0` for what is more than 0, never `1.0`."""
    return format(Decimal(f"{multiplier:.6g}"), "f")


def values_below(table: KeyedTable) -> dict[tuple[str, ...], set[str]]:
    """Return the values that follow each prefix which has longer rows."""
    following: dict[tuple[str, ...], set[str]] = {}
    for row in table.rows:
        for depth, value in enumerate(row.values):
            following.setdefault(row.values[:depth], set()).add(value)
    return following
