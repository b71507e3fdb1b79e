"""What is a warning? Something a run found that does not stop it: it activates, and a person should look into it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A code for programs, a sentence for people; `rows` and their `share` where it is about rows of the logs."""

    code: str
    message: str
    rows: int | None = None
    share: float | None = None


def warning_documents(warnings: Iterable[RunWarning]) -> list[dict[str, Any]]:
    """Return warnings as they stand in documents, by code and message, without what is not known."""
    ordered = sorted(set(warnings), key=lambda w: (w.code, w.message))
    return [{name: value for name, value in asdict(w).items() if value is not None} for w in ordered]
