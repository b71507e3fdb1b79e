"""Which run do bidders read? The calls that move the pointer, and pause or resume an entity."""

import logging
from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy.orm import Session

from rtb_optimizer.store import entities, manual_activation
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.manual_activation import ExpectedRun, PointerChange
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.api.answers import CONFLICT, ActivationAsked, MoveAnswer, MoveAsked, StatusAsked
from rtb_optimizer.web.forms import airflow_knows
from rtb_optimizer.web.sessions import Catalog

log = logging.getLogger(__name__)
router = APIRouter(responses=CONFLICT)


@router.post("/entities/{entity_code}/activate")
def activate(entity_code: EditableCode, user: User, session: Catalog, asked: ActivationAsked) -> MoveAnswer:
    """Make a succeeded run the active one, whatever its gates and window: a person's decision, with its reason."""
    return _moved(session, _order(entity_code, user, asked), manual_activation.activate)


@router.post("/entities/{entity_code}/rollback")
def roll_back(entity_code: EditableCode, user: User, session: Catalog, asked: MoveAsked) -> MoveAnswer:
    """Move the pointer back: to the run named, else to the one that was active before."""
    return _moved(session, _order(entity_code, user, asked), manual_activation.roll_back)


@router.put("/entities/{entity_code}/status")
def set_status(entity_code: EditableCode, user: User, session: Catalog, asked: StatusAsked) -> StatusAsked:
    """Pause an entity (no scheduled runs, none takes over, what is active stays), or resume it."""
    entities.set_status(session, entity_code, asked.status, user.get_name())
    session.commit()
    log.info("%s set %s %s", user.get_name(), entity_code, asked.status)
    airflow_knows(session)
    return asked


def _order(entity_code: str, user: User, asked: MoveAsked) -> PointerChange:
    seen = ExpectedRun(asked.expected_active_run_id) if "expected_active_run_id" in asked.model_fields_set else None
    return PointerChange(entity_code, user.get_name(), asked.reason.strip(), asked.run_id, seen)


def _moved(
    session: Session, order: PointerChange, move: Callable[[Session, PointerChange], DecisionRecord]
) -> MoveAnswer:
    decided = move(session, order)
    return MoveAnswer(
        entity_code=decided.entity_code,
        decision=decided.decision.value,  # type: ignore[arg-type] # a person's decision moves it, one way or the other
        run_id=decided.opt_run_id,
        from_run_id=decided.from_run_id,
        reasons=list(decided.reasons),
        copy_written=manual_activation.refresh_copy(session, order.entity_code),
    )
