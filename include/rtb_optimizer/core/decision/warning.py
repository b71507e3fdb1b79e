"""The type of a warning: what a run found that does not stop it, and that a person should look into."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A code for programs, a sentence for people; `rows` and their `share` where it is about rows of the logs."""

    code: str
    message: str
    rows: int | None = None
    share: float | None = None
