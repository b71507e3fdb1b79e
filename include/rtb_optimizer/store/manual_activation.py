"""How does a person move the pointer? From where they saw it, to a run whose outputs are all there, with a reason."""

import logging
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound, PointerMoved
from rtb_optimizer.store import activation, active_copy, entities, runs, verification
from rtb_optimizer.store.activation import Decided
from rtb_optimizer.store.objects import ObjectStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The run that was active when the person decided; None where none was."""

    run_id: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for. Without `to` a roll back goes to the run before; without `seen` from wherever it is."""

    entity_code: str
    by: str
    reason: str
    to: int | None = None
    seen: Seen | None = None


def activate(session: Session, order: Order) -> Decided:
    """Make the ordered run the active one, whatever its gates and window, and commit.

    Raises:
        NotFound: when the run is not the entity's.
        EntityInvalid: when it did not succeed, is active already, or the entity is not active.
        PointerMoved: when another run is active than was seen; nothing has changed then.
        RunIncomplete: when its outputs are not what was written.
    """
    run = runs.find(session, order.to or 0)
    if run.entity_id != entities.find(session, order.entity_code).entity_id:
        raise NotFound(f"run {run.run_id} is none of {order.entity_code}")
    return _committed(session, order, activation.activate_by_hand(session, run.run_id, order.by, order.reason))


def roll_back(session: Session, order: Order) -> Decided:
    """Move the pointer back to the ordered run, or the one that was active before, and commit.

    Raises:
        NotFound: when no earlier run was active, or the ordered one is not the entity's.
        EntityInvalid: when it is active already.
        PointerMoved, RunIncomplete: as in `activate`.
    """
    decided = activation.roll_back(session, order.entity_code, order.by, order.reason, order.to)
    return _committed(session, order, decided)


def refresh_copy(session: Session, entity_code: str) -> bool:
    """Write active.json after a decision; return whether it could be: if not, `reconcile` does it in minutes."""
    try:
        active_copy.refresh(session, entity_code)
    except Exception:  # the decision stands, whatever becomes of its copy
        log.warning("active.json of %s could not be written: reconcile will", entity_code, exc_info=True)
        session.rollback()
        return False
    return True


def _committed(session: Session, order: Order, decided: Decided) -> Decided:
    """Commit what was decided under the lock, if it is from where the person saw the pointer."""
    if order.seen is not None and decided.from_run_id != order.seen.run_id:
        session.rollback()
        now, was = (f"run {run_id}" if run_id else "none" for run_id in (decided.from_run_id, order.seen.run_id))
        raise PointerMoved(f"the active run of {order.entity_code} is {now} by now, not {was}: look again and decide")
    entity = entities.find(session, order.entity_code)
    verification.verify_outputs(session, ObjectStore.of(entity.s3_base_path), decided.opt_run_id)
    session.commit()
    return decided
