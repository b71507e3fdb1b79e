"""What a run waits for before it reads its logs, until when, and how many partitions it goes on with."""

from dataclasses import replace
from datetime import datetime, timedelta

from rtb_optimizer.errors import LogsMissing
from rtb_optimizer.logs import partitions
from rtb_optimizer.outputs.documents.lake import LakeDocument
from rtb_optimizer.run.event_partitions import events_awaited, events_to_read
from rtb_optimizer.run.folder_zone import settle_folder_zone
from rtb_optimizer.run.lake import tables_of
from rtb_optimizer.run.workspace import TABLES, Workspace, open_workspace, partitions_to_read
from rtb_optimizer.store import connections, runs
from rtb_optimizer.store.schema import Run


def awaited(opt_run_id: int, now: datetime) -> list[str]:
    """Return descriptions of what a run still waits for: that its window is mature, then each incomplete partition.

    A what-if run waits for nothing: the active run has read its logs, and what is missing now will not come.
    """
    workspace = open_workspace(opt_run_id)
    if workspace.snapshot.what_if is not None:
        return []
    with connections.session() as session:
        mature = _mature(runs.find(session, opt_run_id))
    if now < mature:
        return [f"its window to be {workspace.settings.maturity_lag_hours:g} hours old at {mature:%F %R} UTC"]
    workspace = replace(workspace, tables=workspace.tables_read)
    return [*partitions.incomplete(workspace.partitions), *events_awaited(workspace)]


def look_into_logs(opt_run_id: int) -> None:
    """Find which folders can hold rows of the window, by the logs that are there: it may be one more than expected.

    It counts rows, which is work for a task and not for the triggerer.
    """
    settle_folder_zone(open_workspace(opt_run_id))


def freshness_deadline(opt_run_id: int) -> datetime:
    """Return until when a run waits for its logs: the timeout counts once they are mature."""
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
    patience = timedelta(minutes=run.config_snapshot["values"]["freshness_timeout_minutes"])
    return max(run.started_at, _mature(run)) + patience


def require_partitions(opt_run_id: int) -> int:
    """Return how many partitions will be read; raise LogsMissing with the list when that is too few.

    Of tables, the snapshots that were found to hold them are recorded: all steps read these, whatever is committed.
    """
    workspace = open_workspace(opt_run_id)
    workspace = replace(workspace, tables=_tables(workspace))
    settle_folder_zone(workspace)
    try:
        read = (partitions_to_read(workspace), *events_to_read(workspace).values())
        count = sum(len(contents.partitions) for contents in read)
    except LogsMissing as problem:
        if workspace.snapshot.what_if is None:
            raise
        raise LogsMissing(f"the logs of the active run's window are gone meanwhile: {problem}") from problem
    if workspace.tables is not None and workspace.tables.model_fields_set:
        workspace.write_work_document(TABLES, workspace.tables)  # only now: one that lacks days is not recorded
    return count


def _tables(workspace: Workspace) -> LakeDocument:
    now = workspace.tables_read
    if workspace.snapshot.what_if is None or not now.model_fields_set:
        return now
    with connections.session() as session:
        return tables_of(session, runs.find(session, workspace.snapshot.what_if.compared_run_id), now)


def _mature(run: Run) -> datetime:
    return run.data_end + timedelta(hours=run.config_snapshot["values"]["maturity_lag_hours"])
