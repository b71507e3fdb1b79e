"""Opens the logs of a run in an engine: the rows of its partitions, with the outcomes that are logs of their own."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.formats import TextDialect
from rtb_optimizer.core.config.logs_path import fixed_part
from rtb_optimizer.core.config.outcome_logs import OutcomeLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines
from rtb_optimizer.engines.passes.outcomes import EventFindings, event_findings, join_outcomes, place_outcomes
from rtb_optimizer.engines.protocol import Engine, Reading
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

    `events` is what became of those of the outcome logs, `placed` the outcomes by the places of their rows.
    """

    engine: Engine
    table: LogTable
    warnings: Sequence[RunWarning] = ()
    events: EventFindings | None = None
    placed: "pa.Table | None" = None


@contextmanager
def counting(
    workspace: Workspace,
    partitions: Sequence[Partition],
    outcomes: Sequence[Partition],
    placed: "pa.Table | None" = None,
) -> Iterator[OpenedLogs]:
    """Open an engine on the files of the partitions, outcomes joined, columns checked.

    Args:
        workspace: The run.
        partitions: Those of the rows.
        outcomes: Those of the outcome logs.
        placed: The outcomes that an earlier step has joined to the same rows, in place of the outcome logs.

    Raises:
        LogsInvalid: when lines, columns or ids are not as configured.
    """
    with opened(workspace, partitions, outcomes) as (engine, table):
        warnings = require_few_bad_lines(engine, workspace.settings)
        of_own = workspace.settings.outcome_logs
        logs = OpenedLogs(engine, table)
        if of_own is not None and placed is not None:
            logs = replace(logs, table=place_outcomes(engine, of_own, table, placed))
        elif of_own is not None:
            logs = _with_outcomes(workspace, of_own, logs, outcomes)
        require_columns(logs.table)
        yield replace(logs, warnings=[*warnings, *logs.warnings])


@contextmanager
def opened(
    workspace: Workspace, partitions: Sequence[Partition], outcomes: Sequence[Partition] = ()
) -> Iterator[tuple[Engine, LogTable]]:
    """Open an engine on the partitions' files, without what is in logs of its own, whose files it may open later."""
    s = workspace.settings
    of_own = _files(s.outcome_logs.path, outcomes) if s.outcome_logs is not None else {}
    objects = LogObjects.of(_files(s.logs_path, partitions) | of_own)
    with _engine(s, objects) as engine:
        reading = _reading(s.logs_path, partitions, configured_columns(s), s.text_dialect)
        types = engine.open_logs(list(reading.contents), reading)
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


def _with_outcomes(
    workspace: Workspace, logs: OutcomeLogs, rows: OpenedLogs, outcomes: Sequence[Partition]
) -> OpenedLogs:
    reading = _reading(logs.path, outcomes, logs.columns, workspace.settings.text_dialect)
    types = rows.engine.open_outcome_logs(list(reading.contents), reading)
    joined = join_outcomes(rows.engine, logs, rows.table, types, logs.window(workspace.window))
    events = event_findings(joined, logs, workspace.window)
    return OpenedLogs(rows.engine, joined.table, events.warnings, events, joined.placed)


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
