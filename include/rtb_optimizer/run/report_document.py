"""Makes the report and the manifest from what the steps of a run handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from rtb_optimizer import __version__
from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import failed_gates, valid_until
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.kpis import Kpi, kpis
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.exports import ExportsDocument
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.outputs.documents.macros import MacrosDocument, RoundTripDocument
from rtb_optimizer.outputs.documents.manifest import ListedOutput, Manifest
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.documents.report import (
    ActiveChange,
    ConfigDocument,
    CoverageDocument,
    DefaultChange,
    GatesDocument,
    JointDocument,
    KpiDocument,
    OutputDocument,
    ReplayDocument,
    Report,
    VerdictDocument,
)
from rtb_optimizer.outputs.documents.selection import (
    EvaluationDocument,
    FeatureDocument,
    HoldoutDocument,
    InteractionDocument,
    SelectionDocument,
)
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.outputs.files import json_bytes
from rtb_optimizer.run.active_before import Active
from rtb_optimizer.run.gates import export_facts, gates, live_lift
from rtb_optimizer.run.groups import groups_with_lifts
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.objects import StoredObject

Written = Mapping[str, tuple[StoredObject, int]]
REPLAY_ASSUMPTION = "outcomes and spend of the hold-out, taken relative to the bids that bought it, follow {}"
IN_PROPORTION = "the multiplier in proportion: a bid of twice as much buys twice as much"
MEASURED = "the multiplier to the power of {:.2f}, as measured"


@dataclass(frozen=True, slots=True)
class RunParts:
    """What the steps of a run handed over, and how look-ups through its macros end, by format.

    `realized` are the results of the active policy so far, `is_same_policy` whether this run belongs to it.
    """

    selection: SelectionDocument
    tables: TablesDocument
    macros: MacrosDocument
    exports: ExportsDocument
    round_trip: Mapping[str, RoundTripDocument]
    realized: RealizedDocument | None = None
    is_same_policy: bool = False


def report_document(
    workspace: Workspace, parts: RunParts, written: Written, active: Active, warnings: Sequence[RunWarning]
) -> Report:
    """Return the `report` output: what a yield analyst asks of a run.

    Args:
        workspace: The run.
        parts: What its steps handed over.
        written: The outputs so far.
        active: The run that was active when this one began.
        warnings: What a person should look into.
    """
    selection, tables, macros, settings = parts.selection, parts.tables, parts.macros, workspace.settings
    evidence = selection.evidence
    key_figures = kpis(selection.logs.totals, [each.kpi for each in active.report.kpis])
    checked = _gates(settings, parts, key_figures)
    return Report(
        entity_code=workspace.entity_code,
        data_start=workspace.window.start.isoformat(),
        data_end=workspace.window.end.isoformat(),
        objective=settings.objective,
        link=selection.link,
        unit=selection.unit,
        stands_for=selection.stands_for,
        slope=selection.slope,
        verdict=_verdict(checked),
        gates=checked,
        totals=selection.logs.totals,
        kpis=tuple(KpiDocument(**asdict(kpi)) for kpi in key_figures),
        coverage=_coverage(settings, selection.logs, evidence),
        warnings=WarningDocument.of(warnings),
        logs=selection.logs,
        bids=selection.bids,
        features=_features(selection, tables),
        interactions=_interactions(selection, tables),
        **_candidates(selection),
        segments=tables.segments,
        scatter=tables.scatter,
        **_evidence(selection, tables),
        realized=parts.realized,
        changes=active.changes,
        groups=groups_with_lifts(selection, tables),
        ad_macros=MacrosDocument(fields=macros.fields, formats=macros.formats),
        round_trip=parts.round_trip,
        exports=parts.exports.platforms,
        outputs=tuple(_output(name, o, rows, workspace.prefix) for name, (o, rows) in sorted(written.items())),
        config=_config(workspace.snapshot, active.config),
    )


def _evidence(selection: SelectionDocument, tables: TablesDocument) -> dict[str, Any]:
    """Return the sections on what the table is worth on the hold-out."""
    evidence = selection.evidence
    return {"joint": _joint(tables, evidence), "holdout": _holdout(evidence), "replay": _replay(selection)}


def _candidates(selection: SelectionDocument) -> dict[str, Any]:
    """Return the sections on candidates: why some were left out, which values they have, and how these have shifted."""
    return {name: getattr(selection, name) for name in ("rejected", "distributions", "drift")}


def _gates(settings: Settings, parts: RunParts, key_figures: Sequence[Kpi]) -> GatesDocument:
    live = live_lift(settings, parts.realized, is_same_policy=parts.is_same_policy)
    return gates(
        settings, parts.selection, parts.tables, parts.round_trip, key_figures, live | export_facts(parts.exports)
    )


def _replay(selection: SelectionDocument) -> ReplayDocument:
    replay = ReplayDocument(assumption=_assumption(selection.bids.assumed), policies=selection.evidence.replay)
    prices = selection.evidence.second_price
    return replay if prices is None else replay.model_copy(update={"second_price": prices})


def _assumption(elasticity: float) -> str:
    return REPLAY_ASSUMPTION.format(IN_PROPORTION if elasticity == 1 else MEASURED.format(elasticity))


def _verdict(checked: GatesDocument) -> VerdictDocument:
    failed = failed_gates(checked.facts, checked.limits)
    return VerdictDocument(decision="hold" if failed else "activate", reasons=tuple(failed or ["all gates are passed"]))


def _holdout(evidence: EvaluationDocument) -> HoldoutDocument:
    return HoldoutDocument(
        gain=evidence.gain,
        outcomes=evidence.outcomes,
        level=evidence.level,
        slope=evidence.slope,
        calibration=evidence.calibration,
        lift=evidence.lift,
    )


def _joint(tables: TablesDocument, evidence: EvaluationDocument) -> JointDocument:
    losses = (loss.model_copy(update={"master_gain": evidence.gain}) for loss in evidence.joint)
    return JointDocument(rows=tables.joint_rows, losses=tuple(losses))


def _output(name: str, stored: StoredObject, rows: int, prefix: str) -> OutputDocument:
    """Return an output with its place in the run's folder: the whole key would name the run."""
    return OutputDocument(
        output_type=name,
        s3_key=stored.key.removeprefix(f"{prefix}/"),
        row_count=rows,
        byte_size=stored.byte_size,
        sha256=stored.sha256,
    )


def _coverage(settings: Settings, logs: LogsDocument, evidence: EvaluationDocument) -> CoverageDocument:
    repeats, dropped = (logs.anomalies.get(name, 0) for name in ("duplicate", "repeat_dropped"))
    return CoverageDocument(
        sampled_rows=evidence.sampled_rows,
        sampled_share=evidence.sampled_share,
        sampled_positive_share=evidence.sampled_positive_share,
        value_cut_share=evidence.value_cut_share,
        folds=evidence.folds,
        partitions_expected=logs.partitions_expected,
        partitions_found=len(logs.partitions),
        missing=logs.missing,
        rows_by_day=logs.rows_by_day,
        timezone=settings.timezone,
        weight_column=settings.weight_column,
        duplicate_share=(repeats + dropped) / (logs.totals.rows + dropped),
    )


def _features(selection: SelectionDocument, tables: TablesDocument) -> tuple[FeatureDocument, ...]:
    """Return the features with the score so far and their rows in the table."""
    reached, features = 0.0, []
    for feature in selection.chosen:
        reached += feature.signal_score or 0.0
        rows = tables.rows_by_term.get(feature.name, 0)
        features.append(feature.model_copy(update={"cumulative_score": reached, "rows": rows}))
    return tuple(features)


def _interactions(selection: SelectionDocument, tables: TablesDocument) -> tuple[InteractionDocument, ...]:
    """Return the interactions with their rows in the table."""
    rows = ((each, tables.rows_by_term.get(segment_key(each.features), 0)) for each in selection.interactions)
    return tuple(each.model_copy(update={"rows": count}) for each, count in rows)


def _config(snapshot: RunSnapshot, active: Mapping[str, ConfigValue]) -> ConfigDocument:
    values, origins = snapshot.values, snapshot.origins
    return ConfigDocument(
        values=values,
        origins=origins,
        changed_from_default=tuple(
            DefaultChange(key=key, default=snapshot.defaults.get(key), value=values[key])
            for key, origin in sorted(origins.items())
            if origin != "default"
        ),
        changed_from_active=tuple(
            ActiveChange(key=key, active=active.get(key), value=value)
            for key, value in sorted(values.items())
            if active and active.get(key) != value
        ),
    )


def manifest_document(workspace: Workspace, selection: SelectionDocument, written: Written) -> Manifest:
    """Return the manifest: the object written last, that lists the others with size, sha256 and rows."""
    manifest = Manifest(
        entity_code=workspace.entity_code,
        run_id=workspace.opt_run_id,
        run_code=workspace.run_code,
        data_start=workspace.window.start.isoformat(),
        data_end=workspace.window.end.isoformat(),
        valid_until=valid_until(workspace.settings.valid_hours, workspace.window.end).isoformat(),
        triggered_by=workspace.triggered_by,
        active_run_id=workspace.snapshot.active_run_id,
        code_version=__version__,
        config_sha256=sha256(json_bytes(workspace.snapshot.document())).hexdigest(),
        engine=selection.engine,
        inputs=selection.inputs,
        outputs={
            name: ListedOutput(s3_bucket=o.bucket, s3_key=o.key, byte_size=o.byte_size, sha256=o.sha256, row_count=rows)
            for name, (o, rows) in sorted(written.items())
        },
    )
    read = selection.model_fields_set & {*(role.inputs for role in ROLES), "tables"}
    return manifest.model_copy(update={name: getattr(selection, name) for name in read})
