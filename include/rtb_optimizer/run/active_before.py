"""The run that was active when a run began: its table to move from, its report to compare with.

The run that counts is the one that the snapshot froze: the same run, tried again, compares with the same one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.realized.elasticity import NOTHING_KNOWN, Response
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.live.summary import realized
from rtb_optimizer.outputs.compare import changes_between, table_of
from rtb_optimizer.outputs.documents.changes import NO_CHANGES, ChangesDocument
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.published import PublishedRun, published, published_output
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.schema import Entity, Run


@dataclass(frozen=True, slots=True)
class Active:
    """What the report says of the active run: its own report and configuration, and what changed since."""

    report: Report = field(default_factory=Report)
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    changes: ChangesDocument = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Before:
    """The run that was active, as selection needs it: its table, and how volume followed bids until it was made.

    `has_seen` tells whether it has learnt from the end of this window: a replay on the hold-out is biased.
    """

    table: PublishedTable | None = None
    response: Response = NOTHING_KNOWN
    has_seen: bool = False


def active_before(session: Session, workspace: Workspace) -> Before:
    """Return the run that was active when a run began; an empty one where there was none."""
    run = _run(session, workspace)
    if run is None:
        return Before()
    bids = Report.read(published_output(session, run, "report")).bids
    response = Response(bids.elasticity, bids.precision)
    return Before(table_of(published(session, run)), response, run.data_end >= workspace.window.end)


def table_before(session: Session, workspace: Workspace) -> PublishedTable | None:
    """Return the table of the run that was active, or None where none was."""
    run = _run(session, workspace)
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
    """Return what came of the policy of the entity's active run so far, None where no run is active."""
    entity = session.get_one(Entity, workspace.entity_id)
    return realized(session, entity) if entity.active_run_id is not None else None


def _run(session: Session, workspace: Workspace) -> Run | None:
    active = workspace.snapshot.active_run_id
    return None if active is None else session.get(Run, active)
