"""The content of a run's tabs: decision, features, macros and outputs, as far as they can still be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import FeatureDocument, InteractionDocument, RejectedDocument
from rtb_optimizer.outputs.report_page.gates import gate_rows
from rtb_optimizer.outputs.report_page.sentences import sentences
from rtb_optimizer.store import runs
from rtb_optimizer.store.schema import RunFeature, Version
from rtb_optimizer.web.rendering import PageContent
from rtb_optimizer.web.run.view import RunView

ERRORS_OF_95 = 1.96
REASONS: dict[str, str] = {
    Reason.ABSENT: "the logs have no such column",
    Reason.SHADOW_FEATURE: "adds no more than a column of random values does",
    Reason.CONSTANT: "nearly all rows have the same value",
    Reason.DENYLISTED: "denied by the configuration",
    Reason.IDENTIFIER: "its values identify people or devices",
    Reason.LEAK_SUSPECTED: "suspected to leak the outcome: the warnings say why, and how to settle it",
    Reason.MAX_FEATURES: "the maximum number of features was reached",
    Reason.MOSTLY_MISSING: "most rows have no value",
    Reason.NEAR_UNIQUE: "nearly every row has its own value, like an id",
    Reason.NO_GAIN: "adds too little to the features before it",
    Reason.NO_MACRO: "a required format has no macro for it",
    Reason.NOT_SIGNIFICANT: "its gain may be chance",
    Reason.REDUNDANT: "carries the same information as a chosen feature",
    Reason.TOO_FEW_POSITIVES: "too few outcomes to learn from",
}


@dataclass(frozen=True, slots=True)
class ScoredFeature:
    """A feature with the interval of its score, and its score as a part of the highest."""

    row: FeatureDocument
    low: float | None
    high: float | None
    part: float


@dataclass(frozen=True, slots=True)
class ScoredInteraction:
    """An interaction with the interval of its score."""

    row: InteractionDocument
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ScoredRejected:
    """A candidate that was left out, with the interval of its score and the explanation of its reason code."""

    row: RejectedDocument
    low: float | None
    high: float | None
    explanation: str


def overview(view: RunView) -> PageContent:
    """Return the decision with its reasons, and the main figures of the run."""
    report, problem = view.report()
    return {
        "report_problem": problem,
        "what_if": RunSnapshot.read(view.run.config_snapshot).what_if,
        "verdict": report.verdict,
        "gates": gate_rows(report.gates),
        "warnings": report.warnings or (),
        "kpis": report.kpis,
        "sentences": _sentences(report),
        "figures": view.run.figures or {},
        "version": view.session.get_one(Version, view.run.version_id).version_code,
        "dag_run": _dag_run(view),
        "completed": _completed(view),
    }


def features(view: RunView) -> PageContent:
    """Return features, interactions and rejected candidates; without a report the features of the catalog."""
    report, problem = view.report()
    rows = report.features or tuple(_recorded(f) for f in runs.features(view.session, view.run.run_id))
    highest = max((row.signal_score for row in rows if row.signal_score is not None), default=0.0) or 1.0
    return {
        "report_problem": problem,
        "sentences": _sentences(report),
        "features": [
            ScoredFeature(row, *_interval(row.signal_score, row.standard_error), _part(row.signal_score, highest))
            for row in rows
        ],
        "interactions": [
            ScoredInteraction(row, *_interval(row.signal_score, row.standard_error)) for row in report.interactions
        ],
        "rejected": [
            ScoredRejected(row, *_interval(row.signal_score, row.standard_error), REASONS.get(row.reason, ""))
            for row in report.rejected
        ],
    }


def _recorded(feature: RunFeature) -> FeatureDocument:
    return FeatureDocument(
        name=feature.feature_name,
        order=feature.feature_order,
        is_anchor=feature.is_anchor,
        signal_score=feature.signal_score,
    )


def macros(view: RunView) -> PageContent:
    """Return the matrix feature x format; without the output only the combos of the catalog."""
    combos: dict[str, str | None] = {
        row.macro_format: row.macro_combo for row in runs.ad_macros(view.session, view.run.run_id)
    }
    document, problem = view.macros()
    formats = {name: document.formats[name] for name in sorted(document.formats)}
    combos |= {name: each.combo for name, each in formats.items()}
    return {
        "output_problem": problem,
        "round_trips": view.report()[0].round_trip,
        "combos": combos,
        "formats": formats,
        "coverage": {name: each.coverage for name, each in formats.items()},
        "features": document.fields or [row.feature_name for row in runs.features(view.session, view.run.run_id)],
    }


def outputs(view: RunView) -> PageContent:
    """Return every output with its size, and whether its object is still stored as written."""
    sizes = view.outputs.stored_sizes()
    rows = [(row, _state(sizes, row.s3_key, row.byte_size)) for row in view.outputs.rows.values()]
    return {"rows": rows, "store_answered": sizes is not None}


def _state(sizes: dict[str, int] | None, key: str, byte_size: int) -> str:
    if sizes is None:
        return "unknown"
    if key not in sizes:
        return "gone"
    return "stored" if sizes[key] == byte_size else "changed"


def _sentences(report: Report) -> dict[str, str]:
    return {} if report == Report() else sentences(report)


def _interval(score: float | None, error: float | None) -> tuple[float | None, float | None]:
    if score is None or error is None:
        return None, None
    return score - ERRORS_OF_95 * error, score + ERRORS_OF_95 * error


def _part(score: float | None, highest: float) -> float:
    return max(score / highest, 0.0) if score is not None else 0.0


def _dag_run(view: RunView) -> str:
    """Return the path of the dag run in Airflow; empty for a run of the command line."""
    if view.run.airflow_dag_id == runs.CLI_DAG_ID:
        return ""
    return f"/dags/{quote(view.run.airflow_dag_id, safe='')}/runs/{quote(view.run.airflow_run_id, safe='')}"


def _completed(view: RunView) -> Sequence[str]:
    """Return the steps that a running run has recorded so far."""
    recorded = {
        "features are selected": runs.features(view.session, view.run.run_id),
        "ad macros are mapped": runs.ad_macros(view.session, view.run.run_id),
        "outputs are written": view.outputs.rows,
    }
    return [step for step, rows in recorded.items() if rows]
