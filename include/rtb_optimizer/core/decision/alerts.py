"""Builds alerts from a run's outcome: what happened, the reason, and the fix.

Recipients and subscriptions are resolved where alerts are sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.decision.warning import SUSPECTED_LEAK, RunWarning

MAX_REASON = 1500  # characters; the run's page has the whole text
MAX_MESSAGES = 3
"""Messages of one kind in an alert; the others are counted."""


class Kind(StrEnum):
    """The subject of an alert: the values of the config key `alert_on`."""

    FAILED = "failed"
    HELD = "held"
    STALE = "stale"
    BROKEN = "broken"
    MISSING_MACRO = "missing_macro"
    DRIFT = "drift"
    LEAK = "leak"
    STOOD_DOWN = "stood_down"
    NOT_LIVE = "not_live"
    CHALLENGER = "challenger"


# The warning codes that raise an alert; other warnings are only in the report.
KIND_OF_WARNING: Mapping[str, Kind] = {
    SUSPECTED_LEAK: Kind.LEAK,
    "macro_missing": Kind.MISSING_MACRO,
    "rate_spike": Kind.DRIFT,
    "rate_stops": Kind.DRIFT,
    "outcomes_silent": Kind.DRIFT,
    "outcomes_inverted": Kind.DRIFT,
    "outcomes_lost": Kind.DRIFT,
    "outcomes_late": Kind.DRIFT,
    "price_apart": Kind.DRIFT,
    "price_stops": Kind.DRIFT,
    "price_moves": Kind.DRIFT,
    "worth_moves": Kind.DRIFT,
    "exposures_thinned": Kind.DRIFT,
    "totals_among_rows": Kind.DRIFT,
    "values_alike": Kind.DRIFT,
    "last_day_other_values": Kind.DRIFT,
    "values_replaced": Kind.DRIFT,
    "day_contradicts": Kind.DRIFT,
    "table_contradicts": Kind.DRIFT,
    "exposures_unbought": Kind.DRIFT,
    "values_grown": Kind.DRIFT,
    "bids_not_followed": Kind.NOT_LIVE,
    "minute_burst": Kind.DRIFT,
    "rows_redelivered": Kind.DRIFT,
    "counts_run_on": Kind.DRIFT,
    "unexpanded_macro": Kind.DRIFT,
    "ids_rounded": Kind.DRIFT,
}
TITLES: Mapping[Kind, str] = {
    Kind.FAILED: "run {} failed",
    Kind.HELD: "run {} is held",
    Kind.STALE: "the active run {} is stale",
    Kind.BROKEN: "outputs of the active run {} are missing or changed",
    Kind.MISSING_MACRO: "run {} has features that a platform cannot address",
    Kind.DRIFT: "the logs of run {} differ from earlier ones",
    Kind.STOOD_DOWN: "the policy of run {} stood down",
    Kind.NOT_LIVE: "bids do not follow the tables, as run {} measured",
    Kind.CHALLENGER: "the challenger of run {} was decided on by its evidence",
    Kind.LEAK: "run {} has columns that are suspected to leak the outcome",
}
FIX: Mapping[Kind, str] = {
    Kind.FAILED: "bidders keep reading the previous table; fix the cause, then clear the whole dag run",
    Kind.HELD: "bidders keep reading the previous table; review the changes on the run's page, then activate it "
    "there, or change the limit that held it",
    Kind.STALE: "readers bid their default; check the later runs, and run the entity again or roll back, "
    "which restarts valid_hours",
    Kind.BROKEN: "roll back to a run with intact outputs, then run the entity again; check who may write there",
    Kind.MISSING_MACRO: "give the feature a template by `rtb macros set`, put it in denied_features, or set in "
    "macro_gap_policies how the format handles the gap",
    Kind.DRIFT: "check the values named; if they are bots or an error of the logs, roll back and exclude them "
    "with row_filter",
    Kind.STOOD_DOWN: "bidders read the last table of the policy before, or bid 1.0; change the configuration, or "
    "activate a run of this policy by hand to go on with it",
    Kind.NOT_LIVE: "check that bidders read active.json and the outputs that it lists; for a trial that nobody reads, "
    "set bids_follow_tables to false",
    Kind.CHALLENGER: "look at the figures on the entity's page; to undo a promotion, set the keys back and roll back",
    Kind.LEAK: "they are left out until it is settled: add those that bidders know before the auction to "
    "allowed_leaks, the others to denied_features",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One event that a person should know of."""

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

    A superseded run raises none: a backfill of an older window is not meant to be activated, and its logs are old.
    Features that a platform cannot address matter once bidders read the table.
    """
    if decision is Decision.SUPERSEDED:
        return []
    alerts = [_alert(Kind.HELD, run_code, "; ".join(reasons))] if decision is Decision.HELD else []
    for kind in (Kind.LEAK, Kind.NOT_LIVE, Kind.MISSING_MACRO, Kind.DRIFT):
        messages = [warning.message for warning in warnings if KIND_OF_WARNING.get(warning.code) is kind]
        if messages and (kind is not Kind.MISSING_MACRO or decision is Decision.ACTIVATED):
            alerts.append(_alert(kind, run_code, _first(messages)))
    return alerts


def of_stood_down(run_code: str, reasons: Sequence[str]) -> Alert:
    """Return the alert of a policy that was taken off the pointer, by its run that was active."""
    return _alert(Kind.STOOD_DOWN, run_code, "; ".join(reasons))


def of_challenger(run_code: str, decision: Decision, reasons: Sequence[str]) -> Alert:
    """Return the alert of a challenger that was promoted or dropped by evidence, by its live run."""
    return _alert(Kind.CHALLENGER, run_code, f"it was {decision.value}: {'; '.join(reasons)}")


def of_active(run_code: str, stale_since: datetime | None, problems: Sequence[str]) -> list[Alert]:
    """Return the alerts of an active run; `stale_since` is None while it is valid."""
    alerts = []
    if stale_since is not None:
        alerts.append(_alert(Kind.STALE, run_code, f"it was valid until {stale_since:%F %R} UTC"))
    if problems:
        alerts.append(_alert(Kind.BROKEN, run_code, _first(problems)))
    return alerts


def of_copy(entity_code: str, problem: str) -> Alert:
    """Return the alert of an entity whose active.json is not what the catalog says."""
    what = f"active.json of {entity_code} does not match the catalog"
    return Alert(
        Kind.BROKEN, what, _short(problem), "do what the reason says; `rtb audit` and `rtb reconcile` check it"
    )


def of_delivery(entity_code: str, problem: str) -> Alert:
    """Return the alert of an export that cannot be delivered."""
    what = f"an export of {entity_code} is not delivered: readers there bid by the table before"
    fix = "do what the reason says; `rtb deliveries` shows how it stands, maintenance tries again every five minutes"
    return Alert(Kind.BROKEN, what, _short(problem), fix)


def kind_problems(kinds: Sequence[str]) -> list[str]:
    """Return what is wrong with the value of `alert_on`."""
    return [f"alert_on: {kind!r} is not one of {', '.join(Kind)}" for kind in kinds if kind not in list(Kind)]


def _alert(kind: Kind, run_code: str, reason: str) -> Alert:
    return Alert(kind, TITLES[kind].format(run_code), _short(reason), FIX[kind])


def _short(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}..."


def _first(messages: Sequence[str]) -> str:
    more = f"; and {len(messages) - MAX_MESSAGES} more" if len(messages) > MAX_MESSAGES else ""
    return "; ".join(messages[:MAX_MESSAGES]) + more
