"""What does selection hand on? Features, rejections, the evidence for them, and what the logs were."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rtb_optimizer.core.decision.warning import RunWarning, warning_documents
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.table.evaluation import HoldoutEvaluation
from rtb_optimizer.run.read_logs import LogsRead

SCALE = ("link", "unit", "stands_for", "slope")


def selection_document(
    read: LogsRead, evidence: HoldoutEvaluation, expected: Sequence[str], warnings: Sequence[RunWarning] = ()
) -> dict[str, Any]:
    """Return what selection hands on: features, rejections, evidence, and what the logs were.

    Args:
        read: What the logs were, and what was selected, on which sample.
        evidence: What that is worth on the hold-out.
        expected: The URLs of all partitions of the window, there or not.
        warnings: What a person should look into.
    """
    choice, found, partitions = read.choice, read.found, read.partitions
    drawn, there = choice.drawn, {p.url for p in partitions}
    anomalies = {**found.anomalies, "duplicate": drawn.duplicates}
    return {
        "link": choice.link,
        "unit": drawn.sample.unit,
        "stands_for": drawn.sample.stands_for,
        "slope": evidence.slope,
        "chosen": [asdict(feature) | values_of(drawn.sample, feature.name) for feature in choice.selection.chosen],
        "interactions": [asdict(interaction) for interaction in choice.selection.interactions],
        "rejected": [asdict(rejected) for rejected in choice.selection.rejected],
        "evidence": {
            **asdict(evidence),
            "sampled_rows": len(drawn.sample.exposure),
            "sampled_share": drawn.shares.others,
            "sampled_positive_share": drawn.shares.positives,
            "value_cut_share": drawn.value_cut,
            "folds": "day" if drawn.by_day else "row_hash",
        },
        "logs": {
            "totals": asdict(found.totals),
            "design_effect": found.design_effect,
            "positive_rows": found.positive_rows,
            "rows_by_day": {str(day): rows for day, rows in found.rows_by_day.items()},
            "anomalies": {name: count for name, count in anomalies.items() if count},
            "worst_days": {name: str(day) for name, day in found.worst_days.items()},
            "partitions": [p.url for p in partitions],
            "partitions_expected": len(expected),
            "missing": [url for url in expected if url not in there],
        },
        "warnings": warning_documents((*read.warnings, *choice.warnings, *warnings)),
        "inputs": [
            {"s3_key": file.key, "byte_size": file.byte_size, "etag": file.etag} for p in partitions for file in p.files
        ],
    }


def values_of(sample: Sample, name: str) -> dict[str, float]:
    """Return how many values a feature has, and which share of the exposures has none."""
    feature = sample.features[name]
    missing = feature.codes == feature.values.index(MISSING) if MISSING in feature.values else False
    share = float((sample.exposure * missing).sum() / sample.exposure.sum())
    return {"values": len(feature.values), "missing_share": share}


def features_document(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `features` output: what was selected, in order, on which scale, and why the others were not."""
    parts = {"features": "chosen", "interactions": "interactions", "rejected": "rejected"}
    return {name: selection[part] for name, part in parts.items()} | {name: selection[name] for name in SCALE}
