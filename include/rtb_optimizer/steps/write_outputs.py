"""Writes the outputs of a run, the manifest last, then records them."""

import logging

from rtb_optimizer.outputs.documents.exports import ExportsDocument
from rtb_optimizer.outputs.documents.macros import MacrosDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.outputs.published import PublishedRun, rows_by_segment
from rtb_optimizer.outputs.report_page.page import report_page
from rtb_optimizer.run.active_before import compared_with, realized_before
from rtb_optimizer.run.capsule import CAPSULE, capsule_document
from rtb_optimizer.run.changed_inputs import all_inputs, catalog_warnings, event_inputs, restated, restated_in_table
from rtb_optimizer.run.export_warnings import export_warnings
from rtb_optimizer.run.exports import publish
from rtb_optimizer.run.handover import Handover, handed_over
from rtb_optimizer.run.key_metrics import key_metrics
from rtb_optimizer.run.prove_macros import proof_warnings, prove_macros
from rtb_optimizer.run.report_document import RunParts, manifest_document, report_document
from rtb_optimizer.run.siblings import POOLED, pooled_as_read
from rtb_optimizer.run.warnings import run_warnings
from rtb_optimizer.run.workspace import Workspace, open_workspace
from rtb_optimizer.store import connections, policies, runs
from rtb_optimizer.store.objects import StoredObject

log = logging.getLogger(__name__)


def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, then record them; return how many there are."""
    workspace = open_workspace(opt_run_id)
    built = handed_over(workspace, "build_segments")
    capsule = _capsule(workspace)
    parts = _parts(workspace, built)
    selection, settings = parts.selection, workspace.settings
    written = _tables_and_documents(workspace, built, parts)
    table = rows_by_segment(built.part("segments.parquet"))
    own = PublishedRun(workspace.run_code, workspace.snapshot.values, selection.features, table)
    with connections.session() as session:
        active = compared_with(session, workspace, own)
        changed = restated(session, opt_run_id, selection.logs.partitions, selection.inputs, event_inputs(selection))
        changed += restated_in_table(session, opt_run_id, selection)
        changed += catalog_warnings(session, opt_run_id, all_inputs(selection))
    warnings = run_warnings(selection, parts.tables, parts.macros, settings, active.report)
    warnings += export_warnings(parts.exports, active.report.exports) + changed
    warnings += proof_warnings(parts.round_trip, settings.min_macro_hit_rate)
    report = report_document(workspace, parts, written, active, warnings)
    written["report"] = (workspace.write("report.json", report.to_json()), 1)
    report = Report.read_exactly(workspace.read("report.json"))  # of the first try, which may have known other warnings
    for warning in report.warnings or ():
        log.warning("%s: %s", warning.code, warning.message)
    written["report_page"] = (workspace.write("report.html", report_page(report)), 1)
    written |= publish(workspace, built, parts.exports)
    written["capsule"] = (capsule, 1)
    manifest = manifest_document(workspace, selection, written)
    written["manifest"] = (workspace.write("manifest.json", manifest.to_json()), len(written))
    with connections.session() as session:
        runs.record_outputs(session, opt_run_id, written, key_metrics(report))
        session.commit()
    return len(written)


def _capsule(workspace: Workspace) -> StoredObject:
    """Return the capsule, written before all that it explains, so that each try goes by what the first one read."""
    standing = workspace.store.stored(f"{workspace.prefix}/{CAPSULE}")
    if standing is not None:
        return standing
    selection = handed_over(workspace, "select_features").document("selection", SelectionDocument)
    with connections.session() as session:
        return workspace.write(CAPSULE, capsule_document(session, workspace, selection).to_json())


def _parts(workspace: Workspace, built: Handover) -> RunParts:
    selected = handed_over(workspace, "select_features")
    macros = handed_over(workspace, "map_ad_macros").document("ad_macros", MacrosDocument)
    with connections.session() as session:
        realized = realized_before(session, workspace)
        policy = policies.policy_of(runs.find(session, workspace.opt_run_id))
    return RunParts(
        selection=selected.document("selection", SelectionDocument),
        tables=built.document("tables", TablesDocument),
        macros=macros,
        exports=built.document("exports", ExportsDocument),
        round_trip=prove_macros(selected, built, macros),
        realized=realized,
        is_same_policy=realized is not None and realized.policy == policy,
    )


def _tables_and_documents(
    workspace: Workspace, built: Handover, parts: RunParts
) -> dict[str, tuple[StoredObject, int]]:
    """Write what bidders read: both tables, the features and the macros; return each with its rows."""
    rows = {"segments": int(parts.tables.segments.total or 0), "joint_segments": parts.tables.joint_rows}
    written = {
        name: (workspace.write(f"{name}.parquet", built.part(f"{name}.parquet")), count) for name, count in rows.items()
    }
    features, macros = parts.selection.features, parts.macros
    if workspace.snapshot.siblings:
        pooled = pooled_as_read(workspace)
        written["pooled"] = (workspace.write(POOLED, pooled.to_json()), pooled.rows)
    written["features"] = (workspace.write("features.json", features.to_json()), len(features.features))
    written["ad_macros"] = (workspace.write("ad_macros.json", macros.to_json()), len(macros.formats))
    return written
