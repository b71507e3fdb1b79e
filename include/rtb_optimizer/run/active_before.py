"""What was active when a run began? Its multipliers to move from, and what the run's report compares with.

The run that counts is the one that the snapshot froze: the same run, tried again, compares with the same one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.outputs.compare import changes_between, table_of
from rtb_optimizer.outputs.published import PublishedRun, published, published_output
from rtb_optimizer.store.schema import Run

NOTHING: dict[str, Any] = {"against": None, "appeared": 0, "vanished": 0, "moved": 0, "largest": []}


@dataclass(frozen=True, slots=True)
class Active:
    """What the report says of the active run: its own report and configuration, and what changed since."""

    report: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


def table_before(session: Session, snapshot: Mapping[str, Any]) -> PublishedTable | None:
    """Return the table of the run that was active, or None where none was."""
    run = _run(session, snapshot)
    return None if run is None else table_of(published(session, run))


def saw_the_last_day(session: Session, snapshot: Mapping[str, Any], window_end: datetime) -> bool:
    """Whether the run that was active has learnt from the end of this window: replaying it there is no contest."""
    run = _run(session, snapshot)
    return run is not None and run.data_end >= window_end


def compared_with(session: Session, snapshot: Mapping[str, Any], own: PublishedRun) -> Active:
    """Return what changed from the run that was active to `own`."""
    run = _run(session, snapshot)
    if run is None:
        return Active()
    before = published(session, run)
    return Active(json.loads(published_output(session, run, "report")), before.config, changes_between(before, own))


def _run(session: Session, snapshot: Mapping[str, Any]) -> Run | None:
    active = snapshot.get("active_run_id")
    return None if active is None else session.get(Run, active)
