"""Reads the logs of a run: arrivals, duplicates, profile; refuses unfit logs; has features selected."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rtb_optimizer.core.config.window import dates_of, zone
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.realized.row_bids import BidRecord, BidSource
from rtb_optimizer.engines.passes.arrivals import arrivals, bursts
from rtb_optimizer.engines.passes.duplicates import require_few_repeats, without_repeats
from rtb_optimizer.engines.passes.profile import Profile, profile, require_few_excesses
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.bids import NO_BID_COLUMNS, BidColumns, bid_columns, has_times, run_mark
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.live.row_bids import RowBids, row_bids
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.run.active_before import Before
from rtb_optimizer.run.bought_sample import Bidding, bid_warnings
from rtb_optimizer.run.choose_features import Choice, choose_features
from rtb_optimizer.run.workspace import Workspace, counting, partitions_to_read, partitions_with_rows
from rtb_optimizer.store import connections
from rtb_optimizer.store.schema import Entity

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogsRead:
    """The partitions that hold rows, the window as a whole, its bids, the selection, and warnings about the rows."""

    partitions: Sequence[Partition]
    profile: Profile
    bids: RowBids
    choice: Choice
    warnings: Sequence[RunWarning]


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
    partitions = partitions_to_read(workspace)
    with counting(workspace, partitions) as (engine, raw):
        arrived = arrivals(engine, raw)
        filled = partitions_with_rows(workspace, partitions, arrived.rows)
        table = without_repeats(engine, raw)
        bids = _row_bids(workspace, engine, table)
        columns = _bid_columns(workspace, table, bids)
        window = profile(engine, table, columns if bids.is_known else None)
        log.info("%d rows, %g outcomes, %s", window.totals.rows, window.totals.outcome, dict(window.anomalies))
        require_few_excesses(window, workspace.settings)
        bidding = Bidding(bids, columns, before.table, before.response, before.features)
        choice = choose_features(engine, table, window, without_macro, bidding)
        require_few_repeats(engine, table, choice.drawn.duplicates, window.totals.rows)
    odd = bursts(window.rows_by_minute, workspace.settings.max_minute_share)
    return LogsRead(filled, window, bids, choice, [*arrived.warnings, *odd, *bid_warnings(bids, choice.bids)])


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
    return bid_columns(table, bids.record, bids.holdbacks(days, timed=has_times(table)))
