"""Reads the logs of a run: arrivals, duplicates, profile; refuses unfit logs; has features selected."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.passes.arrivals import arrivals, bursts
from rtb_optimizer.engines.passes.duplicates import require_few_repeats, without_repeats
from rtb_optimizer.engines.passes.profile import Profile, profile, require_few_excesses
from rtb_optimizer.run.choose_features import Choice, choose_features
from rtb_optimizer.run.workspace import Workspace, counting, partitions_to_read, partitions_with_rows
from rtb_optimizer.store.partitions import Partition

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogsRead:
    """The partitions that hold rows, the window as a whole, the selection, and warnings about how rows arrived."""

    partitions: Sequence[Partition]
    profile: Profile
    choice: Choice
    warnings: Sequence[RunWarning]


def read_logs(workspace: Workspace, without_macro: Collection[str]) -> LogsRead:
    """Count the logs, refuse those that cannot become a table, and choose features.

    Raises:
        LogsMissing: when too few partitions hold rows.
        LogsInvalid: when a column is missing, or too many rows repeat each other or contradict themselves.
    """
    partitions = partitions_to_read(workspace)
    with counting(workspace, partitions) as (engine, raw):
        arrived = arrivals(engine, raw)
        filled = partitions_with_rows(workspace, partitions, arrived.rows)
        table = without_repeats(engine, raw)
        window = profile(engine, table)
        log.info("%d rows, %g outcomes, %s", window.totals.rows, window.totals.outcome, dict(window.anomalies))
        require_few_excesses(window, workspace.settings)
        choice = choose_features(engine, table, window, without_macro)
        require_few_repeats(engine, table, choice.drawn.duplicates, window.totals.rows)
    odd = bursts(window.rows_by_minute, workspace.settings.max_minute_share)
    return LogsRead(filled, window, choice, [*arrived.warnings, *odd])
