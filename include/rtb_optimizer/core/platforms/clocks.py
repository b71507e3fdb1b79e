"""Compares the clock of a column of hours or days with that of a platform's field.

The hour of a user in New York is not the hour in UTC: a table by one, looked up by the other, answers every request
with another hour's bid, and nothing shows it.
"""

from collections.abc import Mapping

from rtb_optimizer.core.platforms.column import Clock, Column

_WORDS = {Clock.UTC: "UTC", Clock.USER: "the user's local time"}


def clock_problem(feature: str, field: str, column: Column, clocks: Mapping[str, str]) -> str:
    """Return why a feature cannot be right in a field, by the clocks of `column_clocks`; empty where it can."""
    if column.clock is None:
        return ""
    own, wanted = clocks.get(feature, ""), _WORDS[column.clock]
    if not own:
        return (
            f"{field} is in {wanted}, and column_clocks does not say which clock {feature} is by: "
            f'set column_clocks to {{"{feature}": "utc"}} or {{"{feature}": "user"}}, or give it no field'
        )
    if own != column.clock:
        return f"{field} is in {wanted}, and {feature} in {_WORDS[Clock(own)]} by column_clocks"
    return ""


def clock_problems(clocks: Mapping[str, str]) -> list[str]:
    """Return the values of `column_clocks` that are no clock, as messages."""
    return [
        f"column_clocks: {clock!r} of {name!r} is not one of {', '.join(Clock)}"
        for name, clock in sorted(clocks.items())
        if clock not in list(Clock)
    ]
