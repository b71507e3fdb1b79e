"""The partitions of the outcome logs of a run: which it waits for, which it reads, and that they stay the same.

Folders of events are cut at the midnights at which those of the rows are.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from rtb_optimizer.core.config.outcome_logs import OutcomeLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import LogsInvalid, LogsMissing
from rtb_optimizer.logs.contents import Contents, look_into
from rtb_optimizer.logs.lake import tables as lake_tables
from rtb_optimizer.logs.partitions import Partition, incomplete
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.lake import pin_of
from rtb_optimizer.run.workspace import Workspace

PLACED_OUTCOMES = "outcomes.arrow"
"""The part of select_features with the outcomes by the places of their rows."""


def outcomes_awaited(workspace: Workspace) -> list[str]:
    """Return the partitions of events that a run needs and are not complete, in words."""
    logs = workspace.settings.outcome_logs
    return [] if logs is None else incomplete(_required(workspace, logs))


def outcomes_to_read(workspace: Workspace) -> Contents:
    """Return the complete partitions in which events of the rows can be; none where the rows have their outcomes.

    Raises:
        LogsMissing: when one of those that a run needs is not complete.
        LogsInvalid: when files that should be logs cannot be read as such.
    """
    logs = workspace.settings.outcome_logs
    if logs is None:
        return Contents((), ())
    if missing := outcomes_awaited(workspace):
        raise LogsMissing(f"{len(missing)} partitions of outcome_logs_path are not complete: {', '.join(missing)}")
    possible = outcomes_possible(workspace)
    return look_into([each for each in possible if each.complete], _of_outcomes(workspace.settings, logs))


def outcomes_possible(workspace: Workspace) -> list[Partition]:
    """Return the partitions in which events of the rows can be, complete or not."""
    logs = workspace.settings.outcome_logs
    return [] if logs is None else _partitions(workspace, logs, logs.window(workspace.window))


def outcomes_as_read(workspace: Workspace, selection: SelectionDocument) -> Sequence[Partition]:
    """Return the partitions of events that selection has read, without files that came since.

    Raises:
        LogsInvalid: when an object that was read is gone or another.
    """
    read = {each.s3_key: each.etag for each in selection.outcome_inputs}
    if not read:
        return ()
    now = outcomes_to_read(workspace).partitions
    kept = [replace(each, files=tuple(file for file in each.files if file.key in read)) for each in now]
    same = {file.key: file.etag for each in kept for file in each.files}
    if changed := sorted(key for key, etag in read.items() if same.get(key) != etag):
        raise LogsInvalid(f"{changed[0]} has changed while the run was reading it: start a new run")
    return kept


def _required(workspace: Workspace, logs: OutcomeLogs) -> list[Partition]:
    lag = timedelta(hours=workspace.settings.maturity_lag_hours)
    return _partitions(workspace, logs, logs.required_window(workspace.window, lag))


def _partitions(workspace: Workspace, logs: OutcomeLogs, window: Window) -> list[Partition]:
    settings, pin = _of_outcomes(workspace.settings, logs), pin_of(workspace.tables_read.outcome_logs)
    return lake_tables.in_window(settings, window, workspace.folder_zone, pin)


def _of_outcomes(settings: Settings, logs: OutcomeLogs) -> Settings:
    """Return the settings that read the outcome logs as logs; their format is found anew."""
    return replace(settings, logs_path=logs.path, logs_format="auto", timestamp_column=logs.time_column)
