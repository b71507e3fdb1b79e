"""Builds the segment table from all rows of the window, the joint table and the exports."""

from dataclasses import replace

from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.outputs import files
from rtb_optimizer.outputs.compare import table_of
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.outputs.published import PublishedRun, rows_by_segment
from rtb_optimizer.run.active_before import table_before, table_compared
from rtb_optimizer.run.build_tables import Recipe, build_tables
from rtb_optimizer.run.event_partitions import PLACED, events_as_read
from rtb_optimizer.run.export_fields import key_orders
from rtb_optimizer.run.exports import compiled_exports
from rtb_optimizer.run.found_columns import FOUND, as_found
from rtb_optimizer.run.handover import hand_over, handed_over
from rtb_optimizer.run.opened_logs import counting, require_same_engine
from rtb_optimizer.run.sample_file import sample_of, table_of_bytes
from rtb_optimizer.run.siblings import pooled_features
from rtb_optimizer.run.what_if import changes_between_tables
from rtb_optimizer.run.workspace import open_workspace, partitions_as_read
from rtb_optimizer.store import connections


def build_segments(opt_run_id: int) -> int:
    """Build the master table from all rows of the window, and the joint table; return how many segments it has."""
    workspace = open_workspace(opt_run_id)
    selected = handed_over(workspace, "select_features")
    selection = selected.document("selection", SelectionDocument)
    recipe, totals = Recipe.of(selection), selection.logs.totals
    recipe = replace(recipe, pooled=pooled_features(workspace, selection))
    sample = sample_of(selected.part("sample.arrow"))
    with connections.session() as session:
        before, compared = table_before(session, workspace), table_compared(session, workspace)
    partitions, events = partitions_as_read(workspace, selection), events_as_read(workspace, selection)
    placed = table_of_bytes(selected.part(PLACED)) if selected.has(PLACED) else None
    found = as_found(partitions, selected.part(FOUND)) if selected.has(FOUND) else {}
    with counting(workspace, partitions, events, placed, found) as logs:
        engine, table = logs.engine, without_repeats(logs.engine, logs.table)
        require_same_engine(selection.engine, engine.described)
        recipe = replace(recipe, export_keys=key_orders(recipe.features, workspace.settings))
        built = build_tables(engine, table, sample, recipe, totals, before)
        segments, summary = files.segments_parquet(recipe.features, built.segments), built.summary
        if compared is not None:
            rows, values = rows_by_segment(segments), workspace.snapshot.values
            own = table_of(PublishedRun(workspace.run_code, values, selection.features, rows))
            changes = changes_between_tables(sample, compared, own, recipe.strongest)
            summary = summary.model_copy(update=changes)
    events_as_read(workspace, selection)
    partitions_as_read(workspace, selection)  # nor have they changed while they were counted
    exports, export_files = compiled_exports(workspace, built.predictions)
    parts = {"segments.parquet": segments, "joint_segments.parquet": files.joint_parquet(built.joint), **export_files}
    standing = hand_over(workspace, "build_segments", {"tables": summary, "exports": exports}, parts)
    return int(standing.document("tables", TablesDocument).segments.total or 0)
