"""Calls that move the pointer to the active run, and pause or resume an entity."""

import logging
from collections.abc import Callable

from fastapi import APIRouter, BackgroundTasks
from sqlalchemy.orm import Session

from rtb_optimizer.store import deliveries, entities, manual_activation
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.manual_activation import ExpectedRun, PointerChange
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.api.answers import CONFLICT, ActivationRequest, MoveAnswer, MoveRequest, StatusRequest
from rtb_optimizer.web.forms import export_dag_list
from rtb_optimizer.web.sessions import CatalogSession

log = logging.getLogger(__name__)
router = APIRouter(responses=CONFLICT)


@router.post("/entities/{entity_code}/activate")
def activate(
    entity_code: EditableCode, user: User, session: CatalogSession, change: ActivationRequest, then: BackgroundTasks
) -> MoveAnswer:
    """Activate a succeeded run by a manual decision, whatever its gates and window."""
    then.add_task(deliveries.deliver_beside, entity_code)
    return _move(session, _pointer_change(entity_code, user, change), manual_activation.activate)


@router.post("/entities/{entity_code}/rollback")
def roll_back(
    entity_code: EditableCode, user: User, session: CatalogSession, change: MoveRequest, then: BackgroundTasks
) -> MoveAnswer:
    """Move the pointer back: to the named run, else to the previously active one."""
    then.add_task(deliveries.deliver_beside, entity_code)
    return _move(session, _pointer_change(entity_code, user, change), manual_activation.roll_back)


@router.put("/entities/{entity_code}/status")
def set_status(entity_code: EditableCode, user: User, session: CatalogSession, new: StatusRequest) -> StatusRequest:
    """Pause an entity (no scheduled runs and no activations; the active run stays active), or resume it."""
    entities.set_status(session, entity_code, new.status, user.get_name())
    session.commit()
    log.info("%s set %s %s", user.get_name(), entity_code, new.status)
    export_dag_list(session)
    return new


def _pointer_change(entity_code: str, user: User, change: MoveRequest) -> PointerChange:
    is_expected = "expected_active_run_id" in change.model_fields_set
    expected = ExpectedRun(change.expected_active_run_id) if is_expected else None
    return PointerChange(entity_code, user.get_name(), change.reason.strip(), change.run_id, expected)


def _move(
    session: Session, change: PointerChange, move: Callable[[Session, PointerChange], DecisionRecord]
) -> MoveAnswer:
    record = move(session, change)
    return MoveAnswer(
        entity_code=record.entity_code,
        decision=record.decision.value,  # type: ignore[arg-type] # a manual decision activates or rolls back
        run_id=record.opt_run_id,
        from_run_id=record.from_run_id,
        reasons=list(record.reasons),
        copy_written=manual_activation.refresh_copy(session, change.entity_code),
    )
