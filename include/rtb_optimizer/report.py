"""What does a run tell its readers? The documents beside the table: features, report, manifest.

The report holds no clock and no run id, so that the same logs and configuration give the same bytes; the manifest
says which run it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from rtb_optimizer import __version__, outputs
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.engines.counting import Profile
from rtb_optimizer.screening import Choice
from rtb_optimizer.store.logs import Partition
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.workspace import Workspace

ANOMALY_WORDS = {
    "zero_exposure": "rows without any exposure: not counted",
    "outcome_above_exposure": "rows with more outcomes than exposures: outcomes cut to the exposures",
    "outcome_negative": "rows with a negative outcome: counted as no outcome",
    "outcome_null": "rows without an outcome value: counted as no outcome",
    "value_negative": "rows with a negative value: kept in the sums",
    "cost_negative": "rows with a negative cost: weigh nothing when bids are normalised",
    "duplicate": "rows that repeat another: kept, since nothing tells a repeat from a coincidence",
}

_FEATURE_PARTS = {"features": "chosen", "interactions": "interactions", "rejected": "rejected"}


def selection_document(
    choice: Choice, found: Profile, partitions: Sequence[Partition], expected: int
) -> dict[str, Any]:
    """Return what selection hands on: features, rejections, evidence, and what the logs were."""
    return {
        "chosen": [asdict(feature) for feature in choice.selection.chosen],
        "interactions": [asdict(interaction) for interaction in choice.selection.interactions],
        "rejected": [asdict(rejected) for rejected in choice.selection.rejected],
        "evidence": {
            "holdout_gain": choice.holdout_gain,
            "holdout_outcomes": choice.holdout_outcomes,
            "sampled_rows": choice.sampled_rows,
            "sampled_share": choice.sampled_share,
            "folds": "day" if choice.folds_by_day else "row_hash",
        },
        "logs": {
            "totals": asdict(found.totals),
            "positive_rows": found.positive_rows,
            "rows_by_day": {str(day): rows for day, rows in found.rows_by_day.items()},
            "anomalies": {name: count for name, count in found.anomalies.items() if count},
            "partitions": [p.url for p in partitions],
            "partitions_expected": expected,
        },
        "inputs": [
            {"s3_key": file.key, "byte_size": file.byte_size, "etag": file.etag} for p in partitions for file in p.files
        ],
    }


def features_document(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `features` output: what was selected, in order, and why the others were not."""
    return {name: selection[part] for name, part in _FEATURE_PARTS.items()}


def gates(settings: Settings, selection: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the facts that activation is decided on, and the limits they must reach."""
    found = selection["logs"]
    return {
        "facts": {
            "outcomes": found["totals"]["outcome"],
            "segments": summary["total"] - 1,
            "partition_share": len(found["partitions"]) / found["partitions_expected"],
            "holdout_gain": selection["evidence"]["holdout_gain"],
        },
        "limits": {
            "outcomes": settings.min_positives,
            "segments": 1,
            "partition_share": settings.min_partition_share,
            "holdout_gain": settings.min_holdout_gain,
        },
    }


def report_document(
    workspace: Workspace, selection: Mapping[str, Any], summary: Mapping[str, Any], macros: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the `report` output: what a yield analyst asks of a run."""
    totals, anomalies = selection["logs"]["totals"], selection["logs"]["anomalies"]
    return {
        "entity_code": workspace.entity_code,
        "data_start": workspace.window.start.isoformat(),
        "data_end": workspace.window.end.isoformat(),
        "gates": gates(workspace.settings, selection, summary),
        "kpis": {
            **totals,
            "outcome_rate": totals["outcome"] / totals["exposure"],
            "value_per_thousand": 1000 * totals["value"] / totals["exposure"],
            "cost_per_thousand": 1000 * totals["cost"] / totals["exposure"],
        },
        "warnings": [
            {
                "code": name,
                "rows": count,
                "share": count / totals["rows"],
                "message": f"{count} {ANOMALY_WORDS[name]}",
            }
            for name, count in sorted(anomalies.items())
        ],
        "logs": selection["logs"],
        "evidence": selection["evidence"],
        **features_document(selection),
        "segments": summary,
        "ad_macros": macros,
        "config": {"values": workspace.snapshot["values"], "origins": workspace.snapshot["origins"]},
    }


def manifest_document(
    workspace: Workspace, inputs: Sequence[Mapping[str, Any]], written: Mapping[str, tuple[StoredObject, int]]
) -> dict[str, Any]:
    """Return the manifest: the object written last, that lists the others with size, sha256 and rows."""
    return {
        "entity_code": workspace.entity_code,
        "run_id": workspace.opt_run_id,
        "run_code": workspace.run_code,
        "data_start": workspace.window.start.isoformat(),
        "data_end": workspace.window.end.isoformat(),
        "code_version": __version__,
        "config_sha256": sha256(outputs.json_bytes(workspace.snapshot)).hexdigest(),
        "inputs": list(inputs),
        "outputs": {
            name: {
                "s3_bucket": o.bucket,
                "s3_key": o.key,
                "byte_size": o.byte_size,
                "sha256": o.sha256,
                "row_count": rows,
            }
            for name, (o, rows) in sorted(written.items())
        },
    }
