"""What about a run should a person look into? Everything that does not stop it, gathered from its steps.

A step that finds something leaves it under `warnings` in the document that it hands over.
"""

from collections.abc import Mapping
from typing import Any

from rtb_optimizer.core.warning import RunWarning

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


def run_warnings(parts: Mapping[str, Mapping[str, Any]]) -> list[RunWarning]:
    """Return the warnings of a run; `parts` are what its steps handed over, by name."""
    handed = [RunWarning(**found) for part in parts.values() for found in part.get("warnings", [])]
    return [*_contradictions(parts["selection"]["logs"]), *handed]


def _contradictions(found: Mapping[str, Any]) -> list[RunWarning]:
    """Return a warning for each kind of row that contradicts itself."""
    anomalies, days = found["anomalies"], found["worst_days"]
    rows = found["totals"]["rows"] + anomalies.get("repeat_dropped", 0)
    where = {name: f"; most of them on {day}" for name, day in days.items()}
    return [
        RunWarning(name, f"{count} {ANOMALY_WORDS[name]}{where.get(name, '')}", count, count / rows)
        for name, count in anomalies.items()
    ]
