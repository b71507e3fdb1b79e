"""What is worth an alert, and what does it say? What happened, the reason, and the fix, from what a run has told.

Whom it goes to, and whether anybody asked for it, is decided where it is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.decision.warning import RunWarning

MAX_REASON = 1500  # characters: the rest stands on the run's page
SHOWN = 3
"""So many findings of one kind are told; the others are counted."""


class Kind(StrEnum):
    """What an alert is about: the values of the config key `alert_on`."""

    FAILED = "failed"
    HELD = "held"
    STALE = "stale"
    BROKEN = "broken"
    MISSING_MACRO = "missing_macro"
    DRIFT = "drift"


# Which warnings of a run are told; the others stand in its report.
SIGNS: Mapping[str, Kind] = {
    "macro_missing": Kind.MISSING_MACRO,
    "rate_spike": Kind.DRIFT,
    "values_grown": Kind.DRIFT,
    "minute_burst": Kind.DRIFT,
    "unexpanded_macro": Kind.DRIFT,
}
HAPPENED: Mapping[Kind, str] = {
    Kind.FAILED: "run {} failed",
    Kind.HELD: "run {} is held",
    Kind.STALE: "the active run {} is stale",
    Kind.BROKEN: "outputs of the active run {} are not what was written",
    Kind.MISSING_MACRO: "run {} has features that a platform cannot address",
    Kind.DRIFT: "the logs of run {} are unlike those before",
}
FIX: Mapping[Kind, str] = {
    Kind.FAILED: "bidders read what they read before; mend the cause, then clear the whole dag run",
    Kind.HELD: "bidders read what they read before; look at what would change on the run's page, then activate it "
    "there, or change the limit that held it",
    Kind.STALE: "readers bid their default; see what became of the later runs, and run the entity again or roll back, "
    "which starts the hours anew",
    Kind.BROKEN: "roll back to a run that is whole, then run the entity again; find out who may write there",
    Kind.MISSING_MACRO: "add a template to opt_feature_macros, put the feature in denied_features, or say in "
    "macro_gap_policies what the format does without",
    Kind.DRIFT: "look at the values that are named; if they are bots or a fault of the logs, roll back and leave them "
    "out by row_filter",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that a person should hear of."""

    kind: Kind
    what: str
    reason: str
    fix: str


def of_failure(run_code: str, message: str) -> Alert:
    """Return the alert of a run that ended as failed, with its error message."""
    return _alert(Kind.FAILED, run_code, message)


def of_decision(
    run_code: str, decision: Decision, reasons: Sequence[str], warnings: Sequence[RunWarning]
) -> list[Alert]:
    """Return the alerts of a run that was decided on; `warnings` are those of its report, by code and message.

    A superseded run is none: a backfill of an older window is meant not to take over, and what its logs were like
    is no news. What a platform cannot address matters once bidders read it.
    """
    if decision is Decision.SUPERSEDED:
        return []
    found = [_alert(Kind.HELD, run_code, "; ".join(reasons))] if decision is Decision.HELD else []
    for kind in (Kind.MISSING_MACRO, Kind.DRIFT):
        told = [warning.message for warning in warnings if SIGNS.get(warning.code) is kind]
        if told and (kind is Kind.DRIFT or decision is Decision.ACTIVATED):
            found.append(_alert(kind, run_code, _first(told)))
    return found


def of_active(run_code: str, stale_since: datetime | None, problems: Sequence[str]) -> list[Alert]:
    """Return the alerts of an active run; `stale_since` is None while it is to be trusted."""
    found = []
    if stale_since is not None:
        found.append(_alert(Kind.STALE, run_code, f"it was to be trusted until {stale_since:%F %R} UTC"))
    if problems:
        found.append(_alert(Kind.BROKEN, run_code, _first(problems)))
    return found


def kind_problems(kinds: Sequence[str]) -> list[str]:
    """Return what is wrong with the value of `alert_on`."""
    return [f"alert_on: {kind!r} is not one of {', '.join(Kind)}" for kind in kinds if kind not in list(Kind)]


def _alert(kind: Kind, run_code: str, reason: str) -> Alert:
    cut = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}..."
    return Alert(kind, HAPPENED[kind].format(run_code), cut, FIX[kind])


def _first(told: Sequence[str]) -> str:
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more
