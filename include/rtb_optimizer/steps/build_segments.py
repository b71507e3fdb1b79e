"""Builds the segment table from all rows of the window, the joint table and the exports."""

from rtb_optimizer.core.table.segments import Counts
from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.outputs import files
from rtb_optimizer.run.active_before import table_before
from rtb_optimizer.run.build_tables import Recipe, build_tables
from rtb_optimizer.run.exports import hand_over
from rtb_optimizer.run.sample_file import sample_of
from rtb_optimizer.run.workspace import counting, open_workspace, partitions_as_read
from rtb_optimizer.store import connections


def build_segments(opt_run_id: int) -> int:
    """Build the master table from all rows of the window, and the joint table; return how many segments it has."""
    workspace = open_workspace(opt_run_id)
    selection = workspace.handed("selection")
    recipe, totals = Recipe.of(selection), Counts(**selection["logs"]["totals"])
    sample = sample_of(workspace.read("work/sample.arrow"))
    with connections.session() as session:
        before = table_before(session, workspace.snapshot)
    with counting(workspace, partitions_as_read(workspace, selection)) as (engine, raw):
        table = without_repeats(engine, raw)
        built = build_tables(engine, table, sample, recipe, totals, before)
    workspace.write("work/segments.parquet", files.segments_parquet(recipe.features, built.segments))
    workspace.write("work/joint_segments.parquet", files.joint_parquet(built.joint, sample.unit, sample.stands_for))
    hand_over(workspace, built.told)
    workspace.hand_over("segments", built.summary)
    return len(built.segments)
