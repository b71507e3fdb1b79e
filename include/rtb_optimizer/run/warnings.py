"""Gathers the warnings of a run: what does not stop it, and a person should look into.

A step leaves its own under `warnings` in the document that it hands over.
"""

from collections.abc import Sequence
from shlex import quote

from rtb_optimizer.core.config.logs_path import is_dated
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.combo import Coverage
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.outputs.documents.macros import MacrosDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import FeatureDocument, SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.run.groups import group_warnings, groups_with_lifts
from rtb_optimizer.run.losses import lost_features

FEW_VALUES = 20
MAX_VALUE_GROWTH = 3
"""Up to so many values are no explosion, however few there were before."""

UNADDRESSED = (Coverage.WILDCARD, Coverage.GAP)
_LEFT = {True: "it has no macro combo at all", False: "bids there cannot depend on it"}

ANOMALY_WORDS = {
    "zero_exposure": "rows without any exposure: not counted",
    "outcome_above_exposure": "rows with more outcomes than exposures: outcomes cut to the exposures",
    "outcome_negative": "rows with a negative outcome: counted as no outcome",
    "outcome_null": "rows without an outcome value: counted as no outcome",
    "value_negative": "rows with a negative value: their value is not counted",
    "value_unreadable": "rows with a value that is no finite number, or too large: it is not counted",
    "cost_negative": "rows with a negative cost: their cost is not counted",
    "cost_unreadable": "rows with a cost that is no finite number, or too large: it is not counted",
    "weight_unreadable": "rows with a weight that is no finite number: they count for nothing",
    "weight_negative": "rows with a negative weight: check it",
    "cost_above_bid": "rows that cost more than was bid: their cost is left out, their outcomes count",
    "duplicate": "rows that repeat another: kept; with an id in row_id_columns, drop_duplicates counts one of them",
    "repeat_dropped": "rows that repeat the id of another: not counted",
}
OF_AUCTIONS = {
    "zero_exposure": "",
    "outcome_above_exposure": "rows with an outcome and without a win within attribution_hours: their outcomes do not "
    "count, and their value in sums alone; look for wins that are missing or late, and for events that name other rows",
}
"""The words where exposures are wins: most auctions are lost."""


def run_warnings(
    selection: SelectionDocument, tables: TablesDocument, macros: MacrosDocument, settings: Settings, active: Report
) -> list[RunWarning]:
    """Return the warnings of a run.

    Args:
        selection: What select_features handed over.
        tables: What build_segments handed over.
        macros: What map_ad_macros handed over.
        settings: The configuration of the run.
        active: The report of the run that was active when it began; an empty one where none was.
    """
    of_steps = [each.warning for each in (*selection.warnings, *tables.warnings, *macros.warnings)]
    grown = _grown(selection.chosen, active.features)
    gaps = _unaddressed(macros, active.ad_macros)
    changed = [*grown, *lost_features(selection, active.features), *gaps]
    changed += group_warnings(groups_with_lifts(selection, tables), tables.predicted_changes.get("outcomes_change"))
    return [
        *_untimed(settings),
        *_missing(selection.logs),
        *_contradictions(selection.logs, settings),
        *changed,
        *of_steps,
    ]


def _untimed(settings: Settings) -> list[RunWarning]:
    if settings.timestamp_column or is_dated(settings.logs_path):
        return []
    message = (
        f"the rows of {settings.logs_path} have no time: all of them count for any window; set timestamp_column, or "
        "deliver a folder a day with {date} in logs_path"
    )
    return [RunWarning("window_unchecked", message)]


def _missing(logs: LogsDocument) -> list[RunWarning]:
    if not logs.missing:
        return []
    counts = f"{len(logs.missing)} of {logs.partitions_expected} partitions are missing or empty"
    urls = ", ".join(logs.missing)
    return [RunWarning("missing_partitions", f"{counts}, and are not counted as days without traffic: {urls}")]


def _grown(chosen: Sequence[FeatureDocument], active: Sequence[FeatureDocument]) -> list[RunWarning]:
    """Warn of features that have many more values than in the active run: a bot, or another id in the column."""
    before = {feature.name: feature.values for feature in active if feature.values is not None}
    return [
        RunWarning(
            "values_grown",
            f"{feature.name} has {feature.values} values, {before[feature.name]} in the active run: more than "
            f"{MAX_VALUE_GROWTH} times as many; look for bots, or for another id in that column",
        )
        for feature in chosen
        if feature.name in before and (feature.values or 0) > max(MAX_VALUE_GROWTH * before[feature.name], FEW_VALUES)
    ]


def _unaddressed(macros: MacrosDocument, active: MacrosDocument) -> list[RunWarning]:
    """Warn of features that a format cannot address, and could or need not in the active run: each gap once."""
    known = _gaps(active)
    return [
        RunWarning(
            "macro_missing",
            f"{name} has no macro for {', '.join(new)}: {_LEFT[macros.formats[name].combo is None]}; if the platform "
            f"has one, `rtb macros set {quote(new[0])} {name} TEMPLATE`, or macro_templates on the entity's page",
        )
        for name, gaps in sorted(_gaps(macros).items())
        if (new := [feature for feature in gaps if feature not in known.get(name, ())])
    ]


def _gaps(macros: MacrosDocument) -> dict[str, list[str]]:
    """Return the features without a macro by format."""
    return {
        name: [feature for feature, how in each.coverage.items() if how in UNADDRESSED]
        for name, each in macros.formats.items()
    }


def _contradictions(logs: LogsDocument, settings: Settings) -> list[RunWarning]:
    """Return a warning for each kind of row that contradicts itself; rows that were not won are not counted."""
    words = ANOMALY_WORDS | (OF_AUCTIONS if settings.win_logs_path else {})
    rows = logs.totals.rows + logs.anomalies.get("repeat_dropped", 0)
    where = {name: f"; most of them on {day}" for name, day in logs.worst_days.items()}
    return [
        RunWarning(name, f"{count} {words[name]}{where.get(name, '')}", count, count / rows)
        for name, count in logs.anomalies.items()
        if words[name]
    ]
