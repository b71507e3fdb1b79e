"""What about a run should a person look into? Everything that does not stop it, gathered from its steps.

A step that finds something leaves it under `warnings` in the document that it hands over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.combo import Coverage

FEW_VALUES = 20
"""Up to so many values are no explosion, however few there were before."""

UNADDRESSED = (Coverage.WILDCARD, Coverage.GAP)
_LEFT = {True: "it has no macro combo at all", False: "bids there cannot depend on it"}
Features = Sequence[Mapping[str, Any]]

ANOMALY_WORDS = {
    "zero_exposure": "rows without any exposure: not counted",
    "outcome_above_exposure": "rows with more outcomes than exposures: outcomes cut to the exposures",
    "outcome_negative": "rows with a negative outcome: counted as no outcome",
    "outcome_null": "rows without an outcome value: counted as no outcome",
    "value_negative": "rows with a negative value: kept in the sums",
    "cost_negative": "rows with a negative cost: weigh nothing when bids are normalised",
    "cost_above_bid": "rows that cost more than was bid: their cost is left out, their outcomes count",
    "duplicate": "rows that repeat another: kept; name row_id_columns and set drop_duplicates to count one of them",
    "repeat_dropped": "rows that repeat the id of another: not counted",
}


def run_warnings(
    parts: Mapping[str, Mapping[str, Any]], settings: Settings, active: Mapping[str, Any]
) -> list[RunWarning]:
    """Return the warnings of a run.

    Args:
        parts: What its steps handed over, by name.
        settings: Its configuration.
        active: The report of the run that was active when it began; empty where none was.
    """
    selection = parts["selection"]
    handed = [RunWarning(**found) for part in parts.values() for found in part.get("warnings", [])]
    grown = _grown(selection["chosen"], active.get("features", []), settings.max_value_growth)
    macros = _unaddressed(parts["ad_macros"], active.get("ad_macros", {}))
    return [*_missing(selection["logs"]), *_contradictions(selection["logs"]), *grown, *macros, *handed]


def _missing(found: Mapping[str, Any]) -> list[RunWarning]:
    missing = found["missing"]
    if not missing:
        return []
    told = f"{len(missing)} of {found['partitions_expected']} partitions are missing or empty"
    return [
        RunWarning("missing_partitions", f"{told}, and are not counted as days without traffic: {', '.join(missing)}")
    ]


def _grown(chosen: Features, active: Features, growth: float) -> list[RunWarning]:
    """Warn of features that have many more values than in the active run: a bot, or another id in the column."""
    before = {feature["name"]: feature["values"] for feature in active}
    return [
        RunWarning(
            "values_grown",
            f"{feature['name']} has {feature['values']} values, {before[feature['name']]} in the active run: more than "
            f"the {growth:g} times of max_value_growth; look for bots, or for another id in that column",
        )
        for feature in chosen
        if feature["name"] in before and feature["values"] > max(growth * before[feature["name"]], FEW_VALUES)
    ]


def _unaddressed(macros: Mapping[str, Any], active: Mapping[str, Any]) -> list[RunWarning]:
    """Warn of features that a format cannot address, and could or need not in the active run: each gap once."""
    known = _gaps(active)
    return [
        RunWarning(
            "macro_missing",
            f"{name} has no macro for {', '.join(new)}: {_LEFT[macros['formats'][name]['combo'] is None]}; add one to "
            "opt_feature_macros",
        )
        for name, gaps in sorted(_gaps(macros).items())
        if (new := [feature for feature in gaps if feature not in known.get(name, ())])
    ]


def _gaps(macros: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the features without a macro by format, of the document that map_ad_macros handed over."""
    return {
        name: [feature for feature, how in told["coverage"].items() if how in UNADDRESSED]
        for name, told in macros.get("formats", {}).items()
    }


def _contradictions(found: Mapping[str, Any]) -> list[RunWarning]:
    """Return a warning for each kind of row that contradicts itself."""
    anomalies, days = found["anomalies"], found["worst_days"]
    rows = found["totals"]["rows"] + anomalies.get("repeat_dropped", 0)
    where = {name: f"; most of them on {day}" for name, day in days.items()}
    return [
        RunWarning(name, f"{count} {ANOMALY_WORDS[name]}{where.get(name, '')}", count, count / rows)
        for name, count in anomalies.items()
    ]
