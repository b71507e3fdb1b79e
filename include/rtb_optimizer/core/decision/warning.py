"""The type of a warning: what a run found that does not stop it, and that a person should look into."""

from dataclasses import dataclass

SUSPECTED_LEAK = "leak_suspected"
"""A table must not be made of the column that it names."""
GROUP_PAYS = "group_pays"
"""The total gains, and a part of the traffic pays for it."""
FIRST = (SUSPECTED_LEAK, GROUP_PAYS)
"""The codes of the warnings that come before all others, in this order."""
LEAVE_OUT = 'leave such rows out with row_filter, as {"column": {"not": ["value"]}}'
"""The advice on values that mislead."""


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A code for programs, a sentence for people; `rows` and their `share` where it is about rows of the logs."""

    code: str
    message: str
    rows: int | None = None
    share: float | None = None
