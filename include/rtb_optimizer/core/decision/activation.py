"""Decides whether a run is activated, held or superseded, with reasons.

A run is activated when it passes its gates, its entity is active, and it is newer in data than the active run. A
what-if run never is, and a challenger's run only when it is promoted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf

from rtb_optimizer.core.decision.volume import MEASURES


class Decision(StrEnum):
    """The decision on a run (or, for a roll back, on the pointer)."""

    ACTIVATED = "activated"
    HELD = "held"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"
    STOOD_DOWN = "stood_down"
    CHALLENGING = "challenging"
    """The run of a challenger that its share of the requests is bid by from now on."""
    PROMOTED = "promoted"
    DROPPED = "dropped"


MOVES = (Decision.ACTIVATED, Decision.ROLLED_BACK, Decision.STOOD_DOWN, Decision.PROMOTED)
"""The decisions that move the pointer."""


NEVER_ACTIVATED = "a what-if run is never activated: save its values, and the next run uses them"
ONLY_PROMOTED = "a challenger's run is active only when it is promoted: `rtb challenger promote ENTITY`"
VALID_HOURS = 72  # the seed's default of valid_hours, for a catalog that is older than the key


@dataclass(frozen=True, slots=True)
class RunAge:
    """The order of runs: the end of their data, then their id."""

    opt_run_id: int
    data_end: datetime

    def is_newer_than(self, other: "RunAge") -> bool:
        """Whether this run has newer data; with equal data the later run wins."""
        return (self.data_end, self.opt_run_id) > (other.data_end, other.opt_run_id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its reasons as text."""

    decision: Decision
    reasons: tuple[str, ...]


def decide(
    candidate: RunAge,
    active: RunAge | None,
    entity_status: str,
    gate_failures: Sequence[str],
    *,
    allow_older: bool = False,
    is_sandbox: bool = False,
) -> Verdict:
    """Decide on a complete run.

    Args:
        candidate: The run.
        active: The active run.
        entity_status: The status of the entity.
        gate_failures: What `failed_gates` returns.
        allow_older: The run's `allow_older_window`.
        is_sandbox: Whether it is a what-if run.
    """
    if is_sandbox:
        return Verdict(Decision.HELD, (NEVER_ACTIVATED, *gate_failures))
    if entity_status != "active" or gate_failures:
        why = gate_failures if entity_status == "active" else (f"the entity is {entity_status}",)
        return Verdict(Decision.HELD, tuple(why))
    if active is None:
        return Verdict(Decision.ACTIVATED, ("first active run of the entity",))
    if candidate.is_newer_than(active):
        newer = "newer data than" if candidate.data_end > active.data_end else "data as new as, and a later run than,"
        return Verdict(Decision.ACTIVATED, (f"{newer} run {active.opt_run_id}",))
    if allow_older:
        return Verdict(Decision.ACTIVATED, (f"older than run {active.opt_run_id}, allowed by allow_older_window",))
    return Verdict(
        Decision.SUPERSEDED,
        (f"run {active.opt_run_id} has data up to {active.data_end:%F %R}, this one up to {candidate.data_end:%F %R}",),
    )


AT_LEAST: Mapping[str, str] = {
    "outcomes": "{:g} outcomes in the window, {:g} are needed",
    "segments": "{:g} segments beside the default row, {:g} are needed",
    "partition_share": "{:.0%} of the window's partitions are present, {:.0%} are needed",
}
AT_LEAST_IF_PRESENT: Mapping[str, str] = {
    "macro_hit_rate": "{:.1%} of the exposures find through a format's macros what their own values find, {:.1%} are "
    "needed: the warnings say which format misses what; fix macro_value_maps, the macros (`rtb macros list`) or the "
    "logs, or lower min_macro_hit_rate",
    "live_lift": "the lift of this policy over its holdback is {:+.1%} at most, {:+.1%} is needed: change the "
    "configuration, or lower min_live_lift",
}
WITHIN_A_FACTOR: Mapping[str, str] = {
    "cost_factor": "cost per thousand is {:g} times the active run's, a factor of up to {:g} is allowed: micros for "
    "units, or another currency? check cost_column, or raise max_price_factor",
    **{
        f"{measure}_factor": f"{measure} a day are {{:.3g}} times the active run's, a factor of up to {{:g}} is "
        "allowed: was everything delivered, and once? activate by hand where it is right, or raise max_volume_factor"
        for measure in MEASURES
    },
    "day_volume_factor": "a day has {:.3g} times the volume of the other days, a factor of up to {:g} is allowed: the "
    "warning day_volume names it; deliver the day again, activate by hand, or raise max_volume_factor",
    "day_price_factor": "a day has {:.3g} times the price of the other days, a factor of up to {:g} is allowed: the "
    "warning day_price names it; deliver the day again, or raise max_price_factor",
    "value_factor": "value per thousand is {:g} times the active run's, a factor of up to {:g} is allowed: micros for "
    "units, or another currency? check value_column, or raise max_price_factor",
}
AT_MOST_IF_PRESENT: Mapping[str, str] = {
    "rowless_share": "{:.0%} of the events of the outcome logs found no row of their id, up to {:.0%} may: the warning "
    "events_without_row names the columns; correct row_id_columns, outcome_logs_id_columns, or the logs",
    "rowless_wins_share": "{:.0%} of the wins of the win logs found no row of their id, up to {:.0%} may: the warning "
    "wins_without_row names the columns; correct row_id_columns, win_logs_id_columns, or the logs",
    "unjoined_share": "{:.0%} of the outcomes stand in rows of events that were not joined to their exposures, up "
    "to {:.0%} are allowed: a missing feature is no signal; deliver one row an exposure, with its outcome",
    "inverted_share": "{:.0%} of the outcomes stand in files that have them inverted, up to {:.0%} may: the warning "
    "outcomes_inverted names the files; have them delivered again, with 1 for an outcome",
    "redelivered_share": "{:.1%} of the rows repeat another under another id, up to {:.1%} may: the warning "
    "rows_redelivered says in what; deliver each row once, activate by hand, or raise max_duplicate_share",
    "rising_share": "{:.0%} of the changes of counts from row to row are rises, about {:.0%} may be: counts run on, as "
    "the warning counts_run_on says; deliver what each row's own hour or day has, or activate by hand",
    "silent_share": "{:.0%} of a day is missing, up to {:.0%} may be: the warning silent_hours names the hours; "
    "deliver them, activate by hand, or raise max_silent_share",
    "suspected_share": "a column that is suspected to leak the outcome would carry {:.0%} of the gain, up to {:.0%} is "
    "allowed: the warning leak_suspected names it; settle it once by allowed_leaks or denied_features",
}
OF_OUTCOMES = frozenset({"outcomes", "holdout_gain"})
"""The gates that need outcomes of the entity's own."""
ANSWERED, ERROR = "_answered_share", "_error_share"
"""The endings of the facts of an export, after its platform."""
EXPORT_ANSWERS = (
    "the rows of the export {} answer {:.1%} of the exposures, {:.1%} are needed: the report's exports say which "
    "values its requests never hold; translate them by export_value_maps, name other fields in export_fields, take it "
    "off exports, or lower min_export_answered"
)
EXPORT_ERROR = (
    "the bids of the export {} differ from the table's by {:.0%} on the mean, up to {:.0%} is allowed: give it more "
    "fields by export_fields, take it off exports, or raise max_export_error"
)
CHANGES_AT_MOST: Mapping[str, str] = {
    "spend_change": "predicted spend changes by {:+.0%} from the active run's table to this one, up to {:.0%} is "
    "allowed: look at the report's changes, then activate by hand or raise max_predicted_change",
    "outcomes_change": "predicted outcomes change by {:+.0%} from the active run's table to this one, up to {:.0%} is "
    "allowed: look at the report's changes, then activate by hand or raise max_predicted_change",
}


def failed_gates(facts: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Return the gates that a run fails, as messages.

    Facts about the active run are absent where there is none, the macro hit rate where no format has macros. The gain
    on the hold-out must exceed its limit, since a constant has a gain of exactly 0. Where there are too few outcomes,
    or too few on the hold-out for a verdict, what other entities know is judged instead, on all rows: it was fitted on
    none of them.
    """
    waived = OF_OUTCOMES if _is_known_of_others(facts, limits) else frozenset()
    failures = [
        text.format(facts[k], limits[k]) for k, text in AT_LEAST.items() if facts[k] < limits[k] and k not in waived
    ]
    failures += [
        text.format(facts[k], limits[k])
        for k, text in AT_LEAST_IF_PRESENT.items()
        if k in facts and k in limits and not facts[k] >= limits[k]
    ]
    failures += [
        text.format(facts[k], limits[k])
        for k, text in AT_MOST_IF_PRESENT.items()
        if k in facts and k in limits and not facts[k] <= limits[k]
    ]
    failures += _of_exports(facts, limits)
    gain, limit = facts["holdout_gain"], limits["holdout_gain"]
    if not gain > limit and "holdout_gain" not in waived:  # NaN is no gain either
        failures.append(f"gain on the hold-out {gain:+.2%} of the baseline deviance, more than {limit:+.2%} is needed")
    for name, text in (*WITHIN_A_FACTOR.items(), *CHANGES_AT_MOST.items()):
        if name in facts and name in limits and not _within(name, facts[name], limits[name]):
            failures.append(text.format(facts[name], limits[name]))
    return failures


def _is_known_of_others(facts: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether what other entities know is judged, since the entity's own outcomes are too few."""
    limit = limits["holdout_gain"]
    cannot_tell = facts["outcomes"] < limits["outcomes"] or facts.get("holdout_gain_at_most", -inf) > limit
    return cannot_tell and facts.get("pooled_gain", -inf) > limit


def _of_exports(facts: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Return the exports that answer too little, and those whose bids are too far from the table's."""
    failures = []
    for name in sorted(facts.keys() & limits.keys()):
        fact, limit = facts[name], limits[name]
        if name.endswith(ANSWERED) and not fact >= limit:
            failures.append(EXPORT_ANSWERS.format(name.removesuffix(ANSWERED), fact, limit))
        if name.endswith(ERROR) and not fact <= limit:
            failures.append(EXPORT_ERROR.format(name.removesuffix(ERROR), fact, limit))
    return failures


def _within(name: str, fact: float, limit: float) -> bool:
    return 1 / limit <= fact <= limit if name in WITHIN_A_FACTOR else abs(fact) <= limit


def valid_until(valid_hours: int, data_end: datetime, moved_at: datetime | None = None) -> datetime:
    """Return the instant, in UTC, after which a run's table is stale: `valid_hours` after its data ends.

    Where the pointer moved to the run later, at `moved_at`, the hours count from then: logs may come days late, and
    a person who rolls back to last week's table intends it to be bid on.
    """
    return max(data_end, moved_at or data_end).astimezone(UTC) + timedelta(hours=valid_hours)
