"""Which platforms is there an export for?"""

from enum import StrEnum


class Platform(StrEnum):
    """A format that a table can be exported in, by the name that the config key `exports` gives it."""

    PLAIN = "plain"
    PREBID_FLOORS = "prebid_floors"
    LOOKUP_TABLES = "lookup_tables"
    BEESWAX = "beeswax"
    BONSAI = "bonsai"
