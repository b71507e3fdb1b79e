"""What does a run tell its readers? The documents beside the table: features, report, manifest.

The report holds no clock and not its own run, so that the same logs, configuration and earlier runs give the same
bytes; the manifest says which run it is.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from rtb_optimizer import __version__
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.activation import failed_gates, valid_until
from rtb_optimizer.core.decision.warning import RunWarning, warning_documents
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.kpis import kpis
from rtb_optimizer.core.table.segments import Counts
from rtb_optimizer.outputs import files
from rtb_optimizer.run.active_before import Active
from rtb_optimizer.run.selection_document import SCALE, features_document
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.objects import StoredObject

Written = Mapping[str, tuple[StoredObject, int]]
REPLAY_ASSUMPTION = (
    "outcomes and spend of the hold-out follow the multiplier in proportion: a bid of twice as much buys twice as much"
)
SAMPLED = ("sampled_rows", "sampled_share", "sampled_positive_share", "value_cut_share")
TOLD_APART = ("rows_by_term", "scatter", "joint_rows", "predicted_changes", "warnings")


def gates(
    settings: Settings, parts: Mapping[str, Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Return the facts that activation is decided on, and the limits they must keep; `figures` are the kpis."""
    selection, summary = parts["selection"], parts["segments"]
    found, hit_rates = selection["logs"], [trip["addressable_hit_rate"] for trip in parts["round_trip"].values()]
    prices = {
        f"{of}_factor": kpi["value"] / kpi["previous"]
        for kpi in figures
        for of in ("cost", "value")
        if kpi["name"] == f"{of} per thousand" and kpi["value"] and kpi["previous"]
    }
    return {
        "facts": {
            "outcomes": found["totals"]["outcome"] / found["design_effect"],
            "segments": summary["total"] - 1,
            "partition_share": len(found["partitions"]) / found["partitions_expected"],
            "holdout_gain": selection["evidence"]["gain"],
            **({"macro_hit_rate": min(hit_rates)} if hit_rates else {}),
            **prices,
            **summary["predicted_changes"],
        },
        "limits": {
            "outcomes": settings.min_positives,
            "segments": 1,
            "partition_share": settings.min_partition_share,
            "holdout_gain": settings.min_holdout_gain,
            **({"macro_hit_rate": settings.min_macro_hit_rate} if hit_rates else {}),
            **dict.fromkeys(prices, settings.max_price_factor),
            **dict.fromkeys(summary["predicted_changes"], settings.max_predicted_change),
        },
    }


def report_document(
    workspace: Workspace,
    parts: Mapping[str, Mapping[str, Any]],
    written: Written,
    active: Active,
    warnings: Sequence[RunWarning],
) -> dict[str, Any]:
    """Return the `report` output: what a yield analyst asks of a run.

    Args:
        workspace: The run.
        parts: What the steps handed over: `selection`, `segments`, `ad_macros`, `exports`; and their `round_trip`.
        written: The outputs so far.
        active: The run that was active when this one began.
        warnings: What a person should look into.
    """
    selection, summary = parts["selection"], parts["segments"]
    found, evidence = selection["logs"], selection["evidence"]
    figures = kpis(Counts(**found["totals"]), active.report.get("kpis", []))
    checked = gates(workspace.settings, parts, figures)
    failed = failed_gates(checked["facts"], checked["limits"])
    return {
        "entity_code": workspace.entity_code,
        "data_start": workspace.window.start.isoformat(),
        "data_end": workspace.window.end.isoformat(),
        "objective": workspace.settings.objective,
        **{name: selection[name] for name in SCALE},
        "verdict": {"decision": "hold" if failed else "activate", "reasons": failed or ["all gates are passed"]},
        "gates": checked,
        "totals": found["totals"],
        "kpis": figures,
        "coverage": _coverage(workspace.settings, found, evidence),
        "warnings": warning_documents(warnings),
        "logs": found,
        **_features(selection, summary),
        "segments": {name: value for name, value in summary.items() if name not in TOLD_APART},
        "scatter": summary["scatter"],
        "joint": _joint(summary, evidence),
        "holdout": {name: evidence[name] for name in ("gain", "outcomes", "level", "slope", "calibration", "lift")},
        "replay": {"assumption": REPLAY_ASSUMPTION, "policies": evidence["replay"]},
        "changes": active.changes,
        "ad_macros": {name: value for name, value in parts["ad_macros"].items() if name not in TOLD_APART},
        "round_trip": parts["round_trip"],
        "exports": parts["exports"]["platforms"],
        "outputs": [_output(name, o, rows, workspace.prefix) for name, (o, rows) in sorted(written.items())],
        "config": _config(workspace.snapshot, active.config),
    }


def _joint(summary: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    losses = [loss | {"master_gain": evidence["gain"]} for loss in evidence["joint"]]
    return {"rows": summary["joint_rows"], "losses": losses}


def _output(name: str, stored: StoredObject, rows: int, prefix: str) -> dict[str, Any]:
    """Return an output with its place in the run's folder: the whole key would name the run."""
    place = stored.key.removeprefix(f"{prefix}/")
    sizes = {"row_count": rows, "byte_size": stored.byte_size, "sha256": stored.sha256}
    return {"output_type": name, "s3_key": place, **sizes}


def _coverage(settings: Settings, found: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    sampled = {name: evidence[name] for name in (*SAMPLED, "folds")}
    repeats, dropped = (found["anomalies"].get(name, 0) for name in ("duplicate", "repeat_dropped"))
    return sampled | {
        "partitions_expected": found["partitions_expected"],
        "partitions_found": len(found["partitions"]),
        "missing": found["missing"],
        "rows_by_day": found["rows_by_day"],
        "timezone": settings.timezone,
        "weight_column": settings.weight_column,
        "duplicate_share": (repeats + dropped) / (found["totals"]["rows"] + dropped),
    }


def _features(selection: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features and interactions with the score so far and their rows in the table, and the rejected."""
    rows, told, reached = summary["rows_by_term"], features_document(selection), 0.0
    for feature in told["features"]:
        reached += feature["signal_score"]
        feature |= {"cumulative_score": reached, "rows": rows.get(feature["name"], 0)}
    for found in told["interactions"]:
        found["rows"] = rows.get(segment_key(found["features"]), 0)
    return {name: told[name] for name in ("features", "interactions", "rejected")}


def _config(snapshot: Mapping[str, Any], active: Mapping[str, Any]) -> dict[str, Any]:
    values, origins = snapshot["values"], snapshot["origins"]
    return {
        "values": values,
        "origins": origins,
        "changed_from_default": [
            {"key": key, "default": snapshot["defaults"].get(key), "value": values[key]}
            for key, origin in sorted(origins.items())
            if origin != "default"
        ],
        "changed_from_active": [
            {"key": key, "active": active.get(key), "value": value}
            for key, value in sorted(values.items())
            if active and active.get(key) != value
        ],
    }


def manifest_document(workspace: Workspace, inputs: Sequence[Mapping[str, Any]], written: Written) -> dict[str, Any]:
    """Return the manifest: the object written last, that lists the others with size, sha256 and rows."""
    return {
        "entity_code": workspace.entity_code,
        "run_id": workspace.opt_run_id,
        "run_code": workspace.run_code,
        "data_start": workspace.window.start.isoformat(),
        "data_end": workspace.window.end.isoformat(),
        "valid_until": valid_until(workspace.settings.valid_hours, workspace.window.end).isoformat(),
        "code_version": __version__,
        "config_sha256": sha256(files.json_bytes(workspace.snapshot)).hexdigest(),
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
