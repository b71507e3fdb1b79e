"""Reads the logs of a run: arrivals, duplicates, profile; refuses unfit logs; has features selected."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.formats import EMPTY
from rtb_optimizer.core.config.window import dates_of, zone
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.realized.row_bids import BidRecord, BidSource
from rtb_optimizer.engines.passes.arrivals import arrivals, bursts
from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.engines.passes.events import EventFindings
from rtb_optimizer.engines.passes.legibility import require_legible
from rtb_optimizer.engines.passes.limits import (
    partly_absent_columns,
    require_countable_money,
    require_few_excesses,
    require_few_strays,
    require_few_without_outcome,
    require_few_without_weight,
)
from rtb_optimizer.engines.passes.profile import Profile, profile
from rtb_optimizer.engines.protocol import Engine, JsonColumns
from rtb_optimizer.engines.sql.bids import NO_BID_COLUMNS, BidColumns, bid_columns, has_times, run_mark
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.live.row_bids import RowBids, row_bids
from rtb_optimizer.logs.contents import Contents, listed
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.outputs.documents.logs import EventsDocument
from rtb_optimizer.run.active_before import Before
from rtb_optimizer.run.bought_sample import Bidding, bid_warnings
from rtb_optimizer.run.choose_features import Background, Choice, choose_features
from rtb_optimizer.run.delivered_rows import delivery_findings
from rtb_optimizer.run.event_partitions import events_to_read
from rtb_optimizer.run.event_volume import event_volume
from rtb_optimizer.run.opened_logs import counting
from rtb_optimizer.run.volume import Coverage, VolumeFindings, volume_findings
from rtb_optimizer.run.workspace import Workspace, partitions_to_read, partitions_with_rows
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventsRead:
    """The partitions of logs of events and the results of their joins, by the name of these logs.

    `placed` are the joined columns by the places of the rows; `known` are the days that the next run's are compared
    with.
    """

    partitions: Mapping[str, Sequence[Partition]] = field(default_factory=dict)
    found: Mapping[str, EventFindings] = field(default_factory=dict)
    placed: "pa.Table | None" = None
    known: Mapping[str, Sequence[EventsDocument]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogsRead:
    """The partitions that hold rows, the window as a whole, its volume and bids, the selection, and warnings.

    `columns` are those of the logs; `empty` are partitions that were read and hold no rows; `engine` counted them;
    `found` is what files of JSON lines hold, by URL; `delivered` are facts about rows that are not what they should be.
    """

    partitions: Sequence[Partition]
    profile: Profile
    volume: VolumeFindings
    bids: RowBids
    choice: Choice
    warnings: Sequence[RunWarning]
    columns: Sequence[str] = ()
    events: EventsRead = EventsRead()
    empty: Sequence[Partition] = ()
    engine: str = ""
    found: Mapping[str, JsonColumns] = field(default_factory=dict)
    delivered: Mapping[str, float] = field(default_factory=dict)


def read_logs(workspace: Workspace, without_macro: Collection[str], before: Before) -> LogsRead:
    """Count the logs, refuse those that cannot become a table, and choose features.

    Args:
        workspace: The run.
        without_macro: Candidates that a required format could not address.
        before: The run that was active when this one began.

    Raises:
        LogsMissing: when too few partitions hold rows.
        LogsInvalid: when a column is missing, or too many rows repeat each other or contradict themselves.
    """
    contents, events = partitions_to_read(workspace), events_to_read(workspace)
    of_events = {name: each.partitions for name, each in events.items()}
    with counting(workspace, partitions := contents.partitions, of_events) as logs:
        engine, raw = logs.engine, logs.table
        in_part = [*(warning for each in (contents, *events.values()) for warning in _left_out(each)), *logs.warnings]
        in_part += [*partly_absent_columns(engine, raw), *require_legible(engine, raw)]
        arrived, by, found = arrivals(engine, raw), engine.described, engine.found()
        filled = partitions_with_rows(workspace, partitions, arrived.rows)
        require_few_strays(arrived, workspace.settings)
        _require_different_files(filled, arrived.by_file)
        table = without_repeats(engine, raw)
        bids = _row_bids(workspace, engine, table)
        columns = _bid_columns(workspace, table, bids)
        window = profile(engine, table)
        log.info("%d rows, %g outcomes, %s", window.totals.rows, window.totals.outcome, dict(window.anomalies))
        require_few_without_weight(window, workspace.settings)
        require_few_excesses(window, workspace.settings)
        require_few_without_outcome(window, workspace.settings)
        require_countable_money(window, workspace.settings)
        bidding = Bidding(bids, columns, before.table, before.response, before.features)
        choice = choose_features(engine, table, window, Background(without_macro, bidding, before.pooled))
        delivered = delivery_findings(engine, table, window, choice)
    covered, is_first = _coverage(workspace, filled), before.table is None
    volume = volume_findings(window, covered, workspace.settings, before.logs, is_first=is_first)
    odd = bursts(window.rows_by_minute)
    by_events = event_volume(logs.events, workspace.settings, workspace.window, before.logs, is_first=is_first)
    warnings = [
        *volume.warnings,
        *by_events.warnings,
        *in_part,
        *arrived.warnings,
        *odd,
        *delivered.warnings,
        *bid_warnings(bids, choice.bids),
    ]
    empty = [partition for partition in partitions if partition.url not in {each.url for each in filled}]
    of_own = EventsRead(of_events, logs.events, logs.placed, by_events.known)
    facts = delivered.facts
    return LogsRead(filled, window, volume, bids, choice, warnings, [*table.types], of_own, empty, by, found, facts)


def _left_out(contents: Contents) -> list[RunWarning]:
    left_out = [each for each in contents.left_out if each.what != EMPTY]
    if not left_out:
        return []
    message = f"{len(left_out)} files of the window are no logs and were not read: {listed(left_out)}"
    return [RunWarning("files_left_out", message, len(left_out))]


def _require_different_files(partitions: Sequence[Partition], rows: Mapping[str, int]) -> None:
    """Raise LogsInvalid where two files of the window have the same bytes: their rows would count twice."""
    first: dict[tuple[str, int], str] = {}
    for partition in partitions:
        bucket = split_url(partition.url)[0]
        for file in partition.files:
            url = f"s3://{bucket}/{file.key}"
            other = first.setdefault((file.etag, file.byte_size), url)
            if other != url and rows.get(url, 0) > 0:
                raise LogsInvalid(f"{url} has the same bytes as {other}: its {rows[url]} rows were delivered twice")


def _coverage(workspace: Workspace, filled: Sequence[Partition]) -> Coverage:
    """Return what of the window the partitions that were read should hold."""
    present, folder_zone = {partition.day for partition in filled}, workspace.folder_zone
    is_dated = present != {None}
    expected = dates_of(workspace.window, folder_zone) if is_dated else []
    absent = {day for day in expected if day not in present}
    return Coverage(workspace.window, zone(workspace.settings.timezone), folder_zone, absent, is_dated)


def _row_bids(workspace: Workspace, engine: Engine, table: LogTable) -> RowBids:
    """Return the tables that may have bought the rows; where a column names them, those that it names."""
    record = BidRecord.read(workspace.snapshot.bids)
    named = list[str | None]()
    if record.source is BidSource.RUN:
        mark = run_mark(table, record)
        rows = engine.query(f"SELECT DISTINCT {mark} AS run FROM logs WHERE {table.where()}", "runs that bid")
        named = rows["run"].to_pylist()
    with connections.session() as session:
        entity = session.get_one(Entity, workspace.entity_id)
        return row_bids(session, entity, record, named, workspace.settings.timezone)


def _bid_columns(workspace: Workspace, table: LogTable, bids: RowBids) -> BidColumns:
    if not bids.is_known:
        return NO_BID_COLUMNS
    days = dates_of(workspace.window, zone(workspace.settings.timezone))
    return bid_columns(table, bids.record, bids.arm_rules(days, timed=has_times(table)))
