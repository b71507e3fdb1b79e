"""Which rows of shared logs are an entity's: by the values that columns must have, or may not have."""

from collections.abc import Mapping
from dataclasses import dataclass

NOT = "not"
FORMS = 'as {"site_id": ["345"]}, or {"site_id": {"not": ["345"]}} for all rows but these'


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """The values that a column must have; with `is_excluding`, those that it may not have. Missing is neither."""

    column: str
    values: tuple[str, ...]
    is_excluding: bool = False


def column_filters(row_filter: Mapping[str, object]) -> list[ColumnFilter]:
    """Return the tests of a valid `row_filter`, a column each, in the order of their names."""
    return [_filter(column, named) for column, named in sorted(row_filter.items())]


def filter_problem(row_filter: Mapping[str, object]) -> str | None:
    """Return why a `row_filter` is not valid, as a message."""
    if all(map(_is_valid, row_filter.values())):
        return None
    return f"row_filter: each column needs a list of strings, {FORMS}"


def _filter(column: str, named: object) -> ColumnFilter:
    is_excluding = isinstance(named, dict)
    values = named[NOT] if isinstance(named, dict) else named
    return ColumnFilter(column, tuple(values) if isinstance(values, list) else (), is_excluding)


def _is_valid(named: object) -> bool:
    if isinstance(named, dict):
        return named.keys() == {NOT} and _is_list(named[NOT])
    return _is_list(named)


def _is_list(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)
