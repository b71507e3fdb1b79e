"""The run that was active when a run began: its table to move from, its report to compare with.

The run that counts is the one that the snapshot froze: the same run, tried again, compares with the same one. A what-if
run is compared with the active run, and moves from what that one moved from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.realized.elasticity import NOTHING_KNOWN, Response
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.live.summary import realized
from rtb_optimizer.outputs.compare import changes_between, table_of
from rtb_optimizer.outputs.documents.changes import NO_CHANGES, ChangesDocument
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.outputs.documents.pooled import NO_SIBLINGS, PooledDocument
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import DistributionDocument, DriftDocument
from rtb_optimizer.outputs.published import PublishedRun, published, published_output
from rtb_optimizer.run.siblings import pooled_of
from rtb_optimizer.run.volume import comparable_logs
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.schema import Entity, Run


@dataclass(frozen=True, slots=True)
class Active:
    """The active run for the report: its own report and configuration, and the changes since."""

    report: Report = field(default_factory=Report)
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    changes: ChangesDocument = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Before:
    """What a run moves from, as selection needs it: the table, and how volume followed bids until it was made.

    `compared` is the table that a what-if run is compared with, None for any other. `has_seen` is whether the run
    that was active was fitted on the end of this window: a replay on the hold-out is biased. `logs` is what that run
    read, None where its rows were counted otherwise; `pooled` is what other entities have in common; `distributions`
    are the values that its features had, `drift` how these had shifted.
    """

    table: PublishedTable | None = None
    response: Response = NOTHING_KNOWN
    compared: PublishedTable | None = None
    has_seen: bool = False
    logs: LogsDocument | None = None
    pooled: PooledDocument = NO_SIBLINGS
    distributions: Sequence[DistributionDocument] = ()
    drift: Sequence[DriftDocument] = ()

    @property
    def features(self) -> list[str]:
        """The features that these tables look up."""
        tables = (table for table in (self.table, self.compared) if table is not None)
        return list(dict.fromkeys(name for table in tables for name in table.features))

    def usual_new_share(self, feature: str) -> float:
        """Return the share of new values that a feature had in the active run's window, 0 where it is not known."""
        return next((float(each.new_share or 0.0) for each in self.drift if each.feature == feature), 0.0)


def active_before(session: Session, workspace: Workspace) -> Before:
    """Return what a run moves from and is compared with."""
    active, run = workspace.snapshot.active_run_id, _run(session, workspace)
    response, logs, report = NOTHING_KNOWN, None, Report()
    if active is not None:
        active_run = session.get_one(Run, active)
        report = Report.read(published_output(session, active_run, "report"))
        response = Response(report.bids.elasticity, report.bids.precision)
        then = RunSnapshot.read(active_run.config_snapshot).values
        logs = comparable_logs(report.logs, workspace.snapshot.values, then)
    return Before(
        table=table_before(session, workspace),
        response=response,
        compared=table_compared(session, workspace),
        has_seen=run is not None and run.data_end >= workspace.window.end,
        logs=logs,
        pooled=pooled_of(session, workspace),
        distributions=report.distributions,
        drift=report.drift,
    )


def table_before(session: Session, workspace: Workspace) -> PublishedTable | None:
    """Return the table that the bids move from, or None where there is none."""
    active = workspace.snapshot.active_run_id
    return None if active is None else table_of(published(session, session.get_one(Run, active)))


def table_compared(session: Session, workspace: Workspace) -> PublishedTable | None:
    """Return the table that a what-if run is compared with; None for any other run, which moves from it."""
    run = _run(session, workspace) if workspace.snapshot.what_if else None
    return None if run is None else table_of(published(session, run))


def compared_with(session: Session, workspace: Workspace, own: PublishedRun) -> Active:
    """Return what changed from the run that was active to `own`."""
    run = _run(session, workspace)
    if run is None:
        return Active()
    before = published(session, run)
    report = Report.read(published_output(session, run, "report"))
    return Active(report, before.config, changes_between(before, own))


def realized_before(session: Session, workspace: Workspace) -> RealizedDocument | None:
    """Return the results so far of the policy of the entity's active run, None where no run is active."""
    entity = session.get_one(Entity, workspace.entity_id)
    return realized(session, entity) if entity.active_run_id is not None else None


def _run(session: Session, workspace: Workspace) -> Run | None:
    compared = workspace.snapshot.compared_run_id
    return None if compared is None else session.get(Run, compared)
