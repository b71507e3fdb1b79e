"""The run that was active when a run began: its table to move from, its report to compare with.

The run that counts is the one that the snapshot froze: the same run, tried again, compares with the same one. A what-if
run is compared with the active run, and moves from what that one moved from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.outputs.compare import changes_between, table_of
from rtb_optimizer.outputs.documents.changes import NO_CHANGES, ChangesDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.published import PublishedRun, published, published_output
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store.schema import Run


@dataclass(frozen=True, slots=True)
class Active:
    """What the report says of the active run: its own report and configuration, and what changed since."""

    report: Report = field(default_factory=Report)
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    changes: ChangesDocument = NO_CHANGES


def table_before(session: Session, workspace: Workspace) -> PublishedTable | None:
    """Return the table that the bids move from, or None where there is none."""
    active = workspace.snapshot.active_run_id
    return None if active is None else table_of(published(session, session.get_one(Run, active)))


def table_compared(session: Session, workspace: Workspace) -> PublishedTable | None:
    """Return the table that a what-if run is compared with; None for any other run, which moves from it."""
    run = _run(session, workspace) if workspace.snapshot.what_if else None
    return None if run is None else table_of(published(session, run))


def covers_holdout(session: Session, workspace: Workspace) -> bool:
    """Whether the run that was active has learnt from the end of this window: a replay on the hold-out is biased."""
    run = _run(session, workspace)
    return run is not None and run.data_end >= workspace.window.end


def compared_with(session: Session, workspace: Workspace, own: PublishedRun) -> Active:
    """Return what changed from the run that was active to `own`."""
    run = _run(session, workspace)
    if run is None:
        return Active()
    before = published(session, run)
    report = Report.read(published_output(session, run, "report"))
    return Active(report, before.config, changes_between(before, own))


def _run(session: Session, workspace: Workspace) -> Run | None:
    compared = workspace.snapshot.compared_run_id
    return None if compared is None else session.get(Run, compared)
