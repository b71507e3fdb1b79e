"""The type of a warning: what a run found that does not stop it, and that a person should look into."""

from dataclasses import dataclass

SUSPECTED_LEAK = "leak_suspected"
"""The code of the warning that comes before all others: a table must not be made of the column that it names."""


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A code for programs, a sentence for people; `rows` and their `share` where it is about rows of the logs."""

    code: str
    message: str
    rows: int | None = None
    share: float | None = None
