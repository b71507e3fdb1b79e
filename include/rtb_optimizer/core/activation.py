"""May this run take over, and if not, why?

A run activates when it passes its gates, its entity is active, and it is newer in data than the active run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """What became of a run (or, for a roll back, of the pointer)."""

    ACTIVATED = "activated"
    HELD = "held"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


MOVES = (Decision.ACTIVATED, Decision.ROLLED_BACK)  # those after which the pointer stands at the run


@dataclass(frozen=True, slots=True)
class RunAge:
    """What orders two runs: the end of their data, then their id."""

    opt_run_id: int
    data_end: datetime

    def is_newer_than(self, other: "RunAge") -> bool:
        """Whether this run has newer data; with equal data the later run wins."""
        return (self.data_end, self.opt_run_id) > (other.data_end, other.opt_run_id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its reasons, in words."""

    decision: Decision
    reasons: tuple[str, ...]


def decide(
    candidate: RunAge,
    active: RunAge | None,
    entity_status: str,
    gate_failures: Sequence[str],
    *,
    allow_older: bool = False,
) -> Verdict:
    """Decide on a complete run. `gate_failures` come from `failed_gates`; `allow_older` is asked for by name."""
    if entity_status != "active":
        return Verdict(Decision.HELD, (f"the entity is {entity_status}",))
    if gate_failures:
        return Verdict(Decision.HELD, tuple(gate_failures))
    if active is None:
        return Verdict(Decision.ACTIVATED, ("first active run of the entity",))
    if candidate.is_newer_than(active):
        newer = "newer data than" if candidate.data_end > active.data_end else "data as new as, and a later run than,"
        return Verdict(Decision.ACTIVATED, (f"{newer} run {active.opt_run_id}",))
    if allow_older:
        return Verdict(Decision.ACTIVATED, (f"older than run {active.opt_run_id}, allowed by name",))
    return Verdict(
        Decision.SUPERSEDED,
        (f"run {active.opt_run_id} has data up to {active.data_end:%F %R}, this one up to {candidate.data_end:%F %R}",),
    )


def failed_gates(facts: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Return, in words, the gates a run does not pass: each fact of `limits` must reach its limit.

    `better_than_nothing` compares strictly, since a gain of exactly 0 is what a constant has.
    """
    words = {
        "outcomes": "{:g} outcomes in the window, {:g} are needed",
        "segments": "{:g} segments beside the default row, {:g} are needed",
        "partition_share": "{:.0%} of the window's partitions are there, {:.0%} are needed",
    }
    failures = [text.format(facts[k], limits[k]) for k, text in words.items() if facts[k] < limits[k]]
    gain, limit = facts["holdout_gain"], limits["holdout_gain"]
    if not gain > limit:  # what is no number is no gain either
        failures.append(f"gain on the hold-out {gain:+.2%} of the baseline deviance, more than {limit:+.2%} is needed")
    return failures
