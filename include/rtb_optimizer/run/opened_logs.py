"""Opens the logs of a run in an engine: the rows of its partitions, with wins and outcomes of logs of their own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.formats import TextDialect
from rtb_optimizer.core.config.logs_path import fixed_part
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.events import EventFindings, OpenedEvents, event_findings, join_events, place_events
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines
from rtb_optimizer.engines.protocol import Engine, JsonColumns, Reading
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.spark.session import Cluster
from rtb_optimizer.engines.sql.columns import configured_columns, require_columns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.engine_connection import spark_connect
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import split_url

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class OpenedLogs:
    """The logs in an engine.

    `events` is the result of each join by the name of the logs of events, `placed` the joined columns by the places of
    the rows.
    """

    engine: Engine
    table: LogTable
    warnings: Sequence[RunWarning] = ()
    events: Mapping[str, EventFindings] = field(default_factory=dict)
    placed: "pa.Table | None" = None


@contextmanager
def counting(
    workspace: Workspace,
    partitions: Sequence[Partition],
    events: Mapping[str, Sequence[Partition]],
    placed: "pa.Table | None" = None,
    found: Mapping[str, JsonColumns] = MappingProxyType({}),
) -> Iterator[OpenedLogs]:
    """Open an engine on the files of the partitions, wins and outcomes joined, columns checked.

    Args:
        workspace: The run.
        partitions: Those of the rows.
        events: Those of logs of events, by the name of these.
        placed: What an earlier step has joined to the same rows, in place of the logs of events.
        found: What an earlier step has found the same files of JSON lines to hold, by URL.

    Raises:
        LogsInvalid: when lines, columns or ids are not as configured, or no row was won.
    """
    with opened(workspace, partitions, events, found) as (engine, table):
        warnings = require_few_bad_lines(engine, workspace.settings)
        of_own = workspace.settings.event_logs
        logs = OpenedLogs(engine, table)
        if of_own and placed is not None:
            logs = replace(logs, table=place_events(engine, of_own, table, placed))
        elif of_own:
            logs = _with_events(workspace, logs, events)
        require_columns(logs.table)
        yield replace(logs, warnings=[*warnings, *logs.warnings])


@contextmanager
def opened(
    workspace: Workspace,
    partitions: Sequence[Partition],
    events: Mapping[str, Sequence[Partition]] | None = None,
    found: Mapping[str, JsonColumns] = MappingProxyType({}),
) -> Iterator[tuple[Engine, LogTable]]:
    """Open an engine on the partitions' files, without what is in logs of its own, whose files it may open later."""
    s = workspace.settings
    files = _files(s.logs_path, partitions)
    for logs in s.event_logs:
        files |= _files(logs.path, (events or {}).get(logs.role.name, ()))
    with _engine(s, LogObjects.of(files)) as engine:
        reading = _reading(s.logs_path, partitions, configured_columns(s), s.text_dialect)
        types = engine.open_logs(list(reading.contents), replace(reading, found=found))
        days = {partition.url: partition.day for partition in partitions}
        by_time = any(partition.table is not None for partition in partitions)
        yield engine, LogTable(s, workspace.window, types, days, engine.dialect, workspace.folder_zone, by_time=by_time)


def require_same_engine(before: str, now: str) -> None:
    """Raise LogsInvalid where the engine is not the one that has drawn the sample; none is known of older runs."""
    if before and before != now:
        raise LogsInvalid(
            f"the engine has changed while the run was counting: the sample is of {before}, this is {now}: "
            "start a new run"
        )


def _engine(settings: Settings, objects: LogObjects) -> "AbstractContextManager[Engine]":
    """Return the engine that the entity is counted by: the one place of the choice."""
    if settings.engine == "spark":
        return SparkEngine(Cluster(*spark_connect()), objects)
    return DuckDBEngine(objects, settings.engine_threads, settings.engine_memory_mb)


def _with_events(workspace: Workspace, rows: OpenedLogs, partitions: Mapping[str, Sequence[Partition]]) -> OpenedLogs:
    engine, window, events = rows.engine, workspace.window, list[OpenedEvents]()
    for logs in workspace.settings.event_logs:
        name = logs.role.name
        reading = _reading(logs.path, partitions[name], logs.columns, workspace.settings.text_dialect)
        events.append(OpenedEvents(logs, engine.open_events(name, list(reading.contents), reading)))
    joined = join_events(engine, events, rows.table, window)
    found = {each.logs.role.name: event_findings(joined, each.logs, window) for each in events}
    warnings = [warning for each in found.values() for warning in each.warnings]
    return OpenedLogs(engine, joined.table, warnings, found, joined.placed)


def _reading(path: str, partitions: Sequence[Partition], columns: Sequence[str], dialect: TextDialect) -> Reading:
    files = _files(path, partitions)
    return Reading(
        {url: file.content for url, file in files.items()},
        columns,
        dialect,
        fixed_part(path),
        next((partition.table for partition in partitions if partition.table), None),
        {url: file.values for url, file in files.items() if file.values},
        {url: file.deleted for url, file in files.items() if file.deleted},
    )


def _files(path: str, partitions: Sequence[Partition]) -> dict[str, LogFile]:
    """Return the files of partitions by their URLs, in order."""
    bucket = split_url(path)[0]
    return {f"s3://{bucket}/{file.key}": file for partition in partitions for file in partition.files}
