"""Finds the time zone at whose midnights the folders of the logs are cut.

Most writers cut folders in UTC, also where the entity's days are not: its window then lies in one more folder than it
has days.
"""

from collections.abc import Mapping, Sequence

from rtb_optimizer.core.config.logs_path import is_dated
from rtb_optimizer.core.config.settings import Settings

UTC = "UTC"
MUCH_FEWER = 2
"""Rows that came late, or from a clock that is off, are outside of any zone's day: another zone must explain more."""


def possible_zones(settings: Settings) -> Sequence[str]:
    """Return the zones at whose midnights the folders may be cut, the entity's own first: one where there is no doubt.

    Rows without a time belong to the day of their folder, whatever its zone.
    """
    if settings.logs_timezone:
        return (settings.logs_timezone,)
    if not is_dated(settings.logs_path) or not settings.timestamp_column or settings.timezone == UTC:
        return (settings.timezone,)
    return (settings.timezone, UTC)


def zone_of_rows(strays: Mapping[str, int]) -> str:
    """Return the zone that folders are cut in: the first, unless another leaves less than half of its strays.

    Args:
        strays: How many rows of a folder have a time outside of its day, by zone.
    """
    own = next(iter(strays))
    best = min(strays, key=lambda name: strays[name])
    return best if MUCH_FEWER * strays[best] < strays[own] else own
