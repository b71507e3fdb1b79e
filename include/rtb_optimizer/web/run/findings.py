"""What did a run find and write? Its verdict, features, macros and outputs, as far as they can still be read."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.report_page.formatting import is_number
from rtb_optimizer.outputs.report_page.gates import gate_rows
from rtb_optimizer.outputs.report_page.sentences import sentences
from rtb_optimizer.store import runs
from rtb_optimizer.store.schema import Version
from rtb_optimizer.web.run.view import RunView, part_of, rows_of

ERRORS_OF_95 = 1.96
REASONS: dict[Any, str] = {
    Reason.ABSENT: "the logs have no such column",
    Reason.SHADOW_FEATURE: "adds no more than a column of random values does",
    Reason.CONSTANT: "nearly all rows have the same value",
    Reason.DENYLISTED: "denied by the configuration",
    Reason.LEAK_SUSPECTED: "knows the outcome: it is likely written after the event",
    Reason.MAX_FEATURES: "there was no place left for it",
    Reason.MOSTLY_MISSING: "most rows have no value",
    Reason.NEAR_UNIQUE: "nearly each row has a value of its own: an id",
    Reason.NO_GAIN: "adds too little to those before it",
    Reason.NO_MACRO: "a required format has no macro for it",
    Reason.NOT_SIGNIFICANT: "what it adds may be chance",
    Reason.REDUNDANT: "says what a chosen feature says",
    Reason.TOO_FEW_POSITIVES: "too few outcomes to learn from",
}


def overview(view: RunView) -> dict[str, Any]:
    """Return what was decided and why, and the figures that a person judges the run by."""
    report, gone = view.report() if view.run.status == "succeeded" else ({}, "")
    return {
        "gone": gone,
        "verdict": part_of(report, "verdict"),
        "gates": gate_rows(_gates(report)),
        "warnings": rows_of(report, "warnings"),
        "kpis": rows_of(report, "kpis"),
        "says": _says(report),
        "figures": view.run.figures or {},
        "version": view.session.get_one(Version, view.run.version_id).version_code,
        "dag_run": _dag_run(view),
        "reached": _reached(view),
    }


def features(view: RunView) -> dict[str, Any]:
    """Return features, interactions and rejected candidates; of features, what the catalog knows when that is all."""
    report, gone = view.report() if view.run.status == "succeeded" else ({}, "")
    known = [
        {"order": f.feature_order, "name": f.feature_name, "is_anchor": f.is_anchor, "signal_score": f.signal_score}
        for f in runs.features(view.session, view.run.run_id)
    ]
    told = rows_of(report, "features") or known
    rejected = rows_of(report, "rejected")
    scores = [score for row in told if is_number(score := row.get("signal_score"))]
    most = max(scores, default=0.0) or 1.0
    return {
        "gone": gone,
        "says": _says(report),
        "features": [_with_interval(row) | {"part": _part(row.get("signal_score"), most)} for row in told],
        "interactions": [_with_interval(row) for row in rows_of(report, "interactions")],
        "rejected": [row | {"why": REASONS.get(str(row.get("reason")), "")} for row in rejected],
    }


def macros(view: RunView) -> dict[str, Any]:
    """Return the matrix feature x format; the combos alone, from the catalog, when their output is gone."""
    combos: dict[str, Any] = {
        row.macro_format: row.macro_combo for row in runs.ad_macros(view.session, view.run.run_id)
    }
    try:
        document, gone = view.outputs.document("ad_macros"), ""
    except NotFound as problem:
        document, gone = {}, str(problem)
    formats = part_of(document, "formats")
    told = {name: formats[name] for name in sorted(formats) if isinstance(formats[name], dict)}
    combos |= {name: each.get("combo") for name, each in told.items()}
    features = document.get("fields") or [row.feature_name for row in runs.features(view.session, view.run.run_id)]
    coverage = {name: part_of(each, "coverage") for name, each in told.items()}
    shown = {"combos": combos, "formats": told, "coverage": coverage, "features": features}
    return {"gone": gone, "trips": _round_trips(view)} | shown


def _round_trips(view: RunView) -> dict[str, Any]:
    """Return how look-ups through the macros ended, by format; nothing for a run of an earlier release."""
    proved = part_of(view.report()[0], "round_trip")
    trips = {name: part_of(proved, name) for name in proved}
    return {name: trip | {part: rows_of(trip, part) for part in ("levels", "misses")} for name, trip in trips.items()}


def outputs(view: RunView) -> dict[str, Any]:
    """Return every output with its size, and whether its object still stands as it was written."""
    standing = view.outputs.standing()
    rows = [(row, _state(standing, row.s3_key, row.byte_size)) for row in view.outputs.rows.values()]
    return {"rows": rows, "asked_store": standing is not None}


def _state(standing: dict[str, int] | None, key: str, byte_size: int) -> str:
    if standing is None:
        return "unknown"
    if key not in standing:
        return "gone"
    return "stored" if standing[key] == byte_size else "changed"


def _says(report: dict[str, Any]) -> dict[str, str]:
    try:
        return sentences(report) if report else {}
    except (KeyError, TypeError, ValueError, AttributeError):  # a report of another release has another shape
        return {}


def _gates(report: dict[str, Any]) -> dict[str, Any]:
    found = part_of(report, "gates")
    return {name: part_of(found, name) for name in ("facts", "limits")}


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    score, error = row.get("signal_score"), row.get("standard_error")
    if not (is_number(score) and is_number(error)):
        return row | {"low": None, "high": None}
    return row | {"low": score - ERRORS_OF_95 * error, "high": score + ERRORS_OF_95 * error}


def _part(score: object, most: float) -> float:
    return max(score / most, 0.0) if is_number(score) else 0.0


def _dag_run(view: RunView) -> str:
    """Return where Airflow shows the dag run; nothing for a run of the command line."""
    if view.run.airflow_dag_id == runs.CLI_DAG_ID:
        return ""
    return f"/dags/{quote(view.run.airflow_dag_id, safe='')}/runs/{quote(view.run.airflow_run_id, safe='')}"


def _reached(view: RunView) -> Sequence[str]:
    """Return what a run that is not through has recorded so far."""
    recorded = {
        "features are selected": runs.features(view.session, view.run.run_id),
        "ad macros are mapped": runs.ad_macros(view.session, view.run.run_id),
        "outputs are written": view.outputs.rows,
    }
    return [step for step, rows in recorded.items() if rows]
