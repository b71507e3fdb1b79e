"""The partitions of the logs of events of a run: which it waits for, which it reads, and that they stay the same.

Folders of events are cut at the midnights at which those of the rows are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from rtb_optimizer.core.config.event_logs import EventLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import LogsInvalid, LogsMissing
from rtb_optimizer.logs.contents import Contents, look_into
from rtb_optimizer.logs.lake import tables as lake_tables
from rtb_optimizer.logs.partitions import Partition, incomplete
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.lake import pin_of
from rtb_optimizer.run.workspace import Workspace

PLACED = "placed.arrow"
"""The part of select_features with what events gave the rows, by the places of these."""


def events_awaited(workspace: Workspace) -> list[str]:
    """Return descriptions of the partitions of events that a run needs and that are not complete."""
    return [each for logs in workspace.settings.event_logs for each in incomplete(_required(workspace, logs))]


def events_to_read(workspace: Workspace) -> Mapping[str, Contents]:
    """Return the complete partitions in which events of the rows can be, by the name of their logs.

    Raises:
        LogsMissing: when one of those that a run needs is not complete.
        LogsInvalid: when files that should be logs cannot be read as such.
    """
    return {logs.role.name: _to_read(workspace, logs) for logs in workspace.settings.event_logs}


def events_possible(workspace: Workspace, logs: EventLogs) -> list[Partition]:
    """Return the partitions in which events of the rows can be, complete or not."""
    return _partitions(workspace, logs, logs.window(workspace.window))


def events_as_read(workspace: Workspace, selection: SelectionDocument) -> Mapping[str, Sequence[Partition]]:
    """Return the partitions of events that selection has read, by their logs, without files that came since.

    Raises:
        LogsInvalid: when an object that was read is gone or another.
    """
    return {logs.role.name: _as_read(workspace, logs, selection) for logs in workspace.settings.event_logs}


def _to_read(workspace: Workspace, logs: EventLogs) -> Contents:
    if missing := incomplete(_required(workspace, logs)):
        raise LogsMissing(f"{len(missing)} partitions of {logs.role.path_key} are not complete: {', '.join(missing)}")
    possible = events_possible(workspace, logs)
    return look_into([each for each in possible if each.complete], _of_events(workspace.settings, logs))


def _as_read(workspace: Workspace, logs: EventLogs, selection: SelectionDocument) -> Sequence[Partition]:
    read = {each.s3_key: each.etag for each in selection.inputs_of(logs.role)}
    if not read:
        return ()
    now = _to_read(workspace, logs).partitions
    kept = [replace(each, files=tuple(file for file in each.files if file.key in read)) for each in now]
    same = {file.key: file.etag for each in kept for file in each.files}
    if changed := sorted(key for key, etag in read.items() if same.get(key) != etag):
        raise LogsInvalid(f"{changed[0]} has changed while the run was reading it: start a new run")
    return kept


def _required(workspace: Workspace, logs: EventLogs) -> list[Partition]:
    lag = timedelta(hours=workspace.settings.maturity_lag_hours)
    return _partitions(workspace, logs, logs.required_window(workspace.window, lag))


def _partitions(workspace: Workspace, logs: EventLogs, window: Window) -> list[Partition]:
    settings, pin = _of_events(workspace.settings, logs), pin_of(getattr(workspace.tables_read, logs.role.name))
    return lake_tables.in_window(settings, window, workspace.folder_zone, pin)


def _of_events(settings: Settings, logs: EventLogs) -> Settings:
    """Return the settings that read logs of events as logs; their format is detected separately."""
    return replace(settings, logs_path=logs.path, logs_format="auto", timestamp_column=logs.time_column)
