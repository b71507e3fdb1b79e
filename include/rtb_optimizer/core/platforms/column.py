"""Describes the values that a field of a platform accepts and holds, and lists the platforms that have an export.

Two things are known of a field: what the platform accepts in a file, and its value space, what its requests can hold.
A value outside the space is accepted and never matches, without an error: it is spelt as the platform spells it where
that is documented, and counted as lost elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rtb_optimizer.core.sample.values import MISSING, NO_VALUES

WHOLE = "0|[1-9][0-9]{0,17}"
"""A whole number of 64 bits, as platforms read ids: one longer digit fails the file, or loses its last digits."""


class Clock(StrEnum):
    """The clock that hours and days are read off: UTC, or that of the user's place."""

    UTC = "utc"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Space:
    """The values that requests hold in a field: `pattern` matches them, `wants` describes them.

    `spellings` are other documented forms of its values, in lower case, with the platform's own form of each.
    """

    pattern: str
    wants: str
    spellings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """The values that a column accepts: `pattern` matches them, `wants` describes them.

    `values` lists all of them where they are few. A missing value is always accepted: each platform has its own form.
    `space` is narrower where the platform accepts what its requests never hold; None where that is not documented, as
    for free text. `clock` is that of a column of hours or days.
    """

    pattern: str
    wants: str
    values: tuple[str, ...] = ()
    space: Space | None = None
    clock: Clock | None = None

    def takes(self, value: str) -> bool:
        """Return whether the column accepts a canonical value."""
        return value not in NO_VALUES and (value == MISSING or re.fullmatch(self.pattern, value) is not None)

    def spelt(self, value: str) -> str | None:
        """Return a canonical value as the platform's requests hold it; None where they never do."""
        if value == MISSING or value in NO_VALUES:
            return value
        space = self.space or Space(self.pattern, self.wants)
        return value if re.fullmatch(space.pattern, value) else space.spellings.get(value.lower())

    @property
    def holds(self) -> str:
        """A description of the values that requests hold."""
        return self.wants if self.space is None else self.space.wants


def whole_numbers(low: int | None = None, high: int | None = None, clock: Clock | None = None) -> Column:
    """Return a column of whole numbers from 0, or of those between two."""
    if low is None or high is None:
        return Column(WHOLE, "whole numbers", clock=clock)
    values = tuple(str(number) for number in range(low, high + 1))
    return Column("|".join(values), f"whole numbers from {low} to {high}", values, clock=clock)


def words(*values: str, spellings: Mapping[str, str] | None = None) -> Column:
    """Return a column of a few words: those in another case, and those of `spellings`, are spelt as the platform's."""
    pattern, wants = "|".join(map(re.escape, values)), "one of " + ", ".join(values)
    others = {value.lower(): value for value in values} | dict(spellings or {})
    return Column(pattern, wants, values, Space(pattern, wants, others))


def within(column: Column, pattern: str, wants: str, spellings: Mapping[str, str] | None = None) -> Column:
    """Return a column whose requests hold less than it accepts."""
    return replace(column, space=Space(pattern, wants, dict(spellings or {})))


class Platform(StrEnum):
    """A format that a table can be exported in, by the name that the config key `exports` gives it."""

    PLAIN = "plain"
    PREBID_FLOORS = "prebid_floors"
    LOOKUP_TABLES = "lookup_tables"
    BEESWAX = "beeswax"
    BONSAI = "bonsai"
