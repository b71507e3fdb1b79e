"""Moves the pointer by a user's decision, with a reason, after verifying that the target's outputs are complete."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound, PointerMoved, RunIncomplete
from rtb_optimizer.store import activation, active_copy, entities, runs, verification
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.objects import ObjectStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """The run that was active when the user decided; None where none was."""

    run_id: int | None


@dataclass(frozen=True, slots=True)
class PointerChange:
    """A user's request. Without `to` a roll back goes to the previous run; without `expected` any run may be active."""

    entity_code: str
    by: str
    reason: str
    to: int | None = None
    expected: ExpectedRun | None = None


def activate(session: Session, change: PointerChange) -> DecisionRecord:
    """Activate the requested run, whatever its gates and window, and commit.

    Raises:
        NotFound: when the run does not belong to the entity.
        EntityInvalid: when it did not succeed or is already active, or the entity is not active.
        PointerMoved: when another run is active than expected; nothing has changed then.
        RunIncomplete: when its outputs are not as written.
    """
    run = runs.find(session, change.to or 0)
    if run.entity_id != entities.find(session, change.entity_code).entity_id:
        raise NotFound(f"run {run.run_id} does not belong to {change.entity_code}")
    return _commit(session, change, lambda: activation.activate_manually(session, run.run_id, change.by, change.reason))


def roll_back(session: Session, change: PointerChange) -> DecisionRecord:
    """Move the pointer back to the requested run, or to the previously active one, and commit.

    Raises:
        NotFound: when no earlier run was active, or the requested one does not belong to the entity.
        EntityInvalid: when it is already active.
        PointerMoved, RunIncomplete: as in `activate`.
    """
    return _commit(
        session,
        change,
        lambda: activation.roll_back(session, change.entity_code, change.by, change.reason, change.to),
    )


def refresh_copy(session: Session, entity_code: str) -> bool:
    """Write active.json after a decision; return False if that failed: `reconcile` then writes it within minutes."""
    try:
        active_copy.refresh(session, entity_code)
    except Exception:  # the decision is committed, whether or not its copy can be written
        log.warning("active.json of %s could not be written: reconcile writes it", entity_code, exc_info=True)
        session.rollback()
        return False
    return True


def _commit(session: Session, change: PointerChange, decide: Callable[[], DecisionRecord]) -> DecisionRecord:
    """Decide, undo it, verify the outputs while nothing is locked, decide again and commit.

    A store that hangs would otherwise keep the entity locked: nobody could pause it, and its nightly run would wait.
    """
    planned = _decided(session, change, decide)
    session.rollback()
    base = entities.find(session, change.entity_code).s3_base_path
    before = verification.recorded(session, planned.opt_run_id)
    verification.verify_outputs(session, ObjectStore.of(base), planned.opt_run_id)
    session.rollback()
    record = _decided(session, change, decide)
    if record.opt_run_id != planned.opt_run_id:
        session.rollback()
        raise PointerMoved(f"the active run of {change.entity_code} was moved meanwhile: reload and decide again")
    if verification.recorded(session, record.opt_run_id) != before:
        session.rollback()
        raise RunIncomplete(f"run {record.opt_run_id} cannot be activated: retention has deleted its outputs meanwhile")
    session.commit()
    return record


def _decided(session: Session, change: PointerChange, decide: Callable[[], DecisionRecord]) -> DecisionRecord:
    """Decide under the lock, if the pointer is where the user expected it."""
    record = decide()
    if change.expected is not None and record.from_run_id != change.expected.run_id:
        session.rollback()
        run_ids = record.from_run_id, change.expected.run_id
        actual, expected = (f"run {run_id}" if run_id else "none" for run_id in run_ids)
        raise PointerMoved(
            f"the active run of {change.entity_code} is {actual}, not {expected}: reload and decide again"
        )
    return record
