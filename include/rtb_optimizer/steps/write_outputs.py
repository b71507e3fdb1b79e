"""Writes the outputs of a run, the manifest last, then records them."""

import logging

from rtb_optimizer.outputs import files
from rtb_optimizer.outputs.published import PublishedRun, table_rows
from rtb_optimizer.outputs.report_page.page import report_page
from rtb_optimizer.run import report_document
from rtb_optimizer.run.active_before import compared_with
from rtb_optimizer.run.changed_inputs import catalog_warnings, restated
from rtb_optimizer.run.exports import export_warnings, publish
from rtb_optimizer.run.key_metrics import figures_of
from rtb_optimizer.run.prove_macros import proof_warnings, prove_macros
from rtb_optimizer.run.selection_document import features_document
from rtb_optimizer.run.warnings import run_warnings
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.store import connections, runs

log = logging.getLogger(__name__)


def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, then record them; return how many there are."""
    workspace = open_workspace(opt_run_id)
    parts = {name: workspace.handed(name) for name in ("selection", "segments", "ad_macros", "exports")}
    selection, summary, macros, exports = parts.values()
    told, proof = features_document(selection), prove_macros(workspace, macros)
    written = {
        name: (workspace.write(f"{name}.parquet", workspace.read(f"work/{name}.parquet")), rows)
        for name, rows in {"segments": summary["total"], "joint_segments": summary["joint_rows"]}.items()
    }
    written["features"] = (workspace.write("features.json", files.json_bytes(told)), len(selection["chosen"]))
    written["ad_macros"] = (workspace.write("ad_macros.json", files.json_bytes(macros)), len(macros["formats"]))
    own = PublishedRun(
        workspace.run_code, workspace.snapshot["values"], told, table_rows(workspace.read("work/segments.parquet"))
    )
    with connections.session() as session:
        active = compared_with(session, workspace.snapshot, own)
        changed = restated(session, opt_run_id, selection["logs"]["partitions"], selection["inputs"])
        changed += catalog_warnings(session, opt_run_id, selection["inputs"])
    changed += proof_warnings(proof, workspace.settings.min_macro_hit_rate)
    warnings = [*run_warnings(parts, workspace.settings, active.report), *export_warnings(exports), *changed]
    document = report_document.report_document(workspace, parts | {"round_trip": proof}, written, active, warnings)
    for warning in document["warnings"]:
        log.warning("%s: %s", warning["code"], warning["message"])
    written["report"] = (workspace.write("report.json", files.json_bytes(document)), 1)
    written["report_page"] = (workspace.write("report.html", report_page(document)), 1)
    written |= publish(workspace, exports)
    manifest = report_document.manifest_document(workspace, selection["inputs"], written)
    written["manifest"] = (workspace.write("manifest.json", files.json_bytes(manifest)), len(written))
    with connections.session() as session:
        runs.record_outputs(session, opt_run_id, written, figures_of(document))
        session.commit()
    return len(written)
