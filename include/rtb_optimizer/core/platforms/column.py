"""Describes the values that a column of a platform accepts, and lists the platforms that have an export."""

import re
from dataclasses import dataclass
from enum import StrEnum

from rtb_optimizer.core.sample.values import MISSING, NO_VALUES

WHOLE = "0|[1-9][0-9]*"


@dataclass(frozen=True, slots=True)
class Column:
    """The values that a column accepts: `pattern` matches them, `wants` describes them.

    `values` lists all of them where they are few. A missing value is always accepted: each platform has its own form.
    """

    pattern: str
    wants: str
    values: tuple[str, ...] = ()

    def takes(self, value: str) -> bool:
        """Return whether the column accepts a canonical value."""
        return value not in NO_VALUES and (value == MISSING or re.fullmatch(self.pattern, value) is not None)


def whole_numbers(low: int | None = None, high: int | None = None) -> Column:
    """Return a column of whole numbers from 0, or of those between two."""
    if low is None or high is None:
        return Column(WHOLE, "whole numbers")
    values = tuple(str(number) for number in range(low, high + 1))
    return Column("|".join(values), f"whole numbers from {low} to {high}", values)


def words(*values: str) -> Column:
    """Return a column of a few words."""
    return Column("|".join(map(re.escape, values)), "one of " + ", ".join(values), values)


class Platform(StrEnum):
    """A format that a table can be exported in, by the name that the config key `exports` gives it."""

    PLAIN = "plain"
    PREBID_FLOORS = "prebid_floors"
    LOOKUP_TABLES = "lookup_tables"
    BEESWAX = "beeswax"
    BONSAI = "bonsai"
