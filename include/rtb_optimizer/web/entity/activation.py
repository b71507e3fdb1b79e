"""The confirmation page before the pointer is moved: what would change for bidders, and a field for the reason."""

import logging
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request, Response, status
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.errors import EntityInvalid, NotFound, PointerMoved, RtbOptimizerError, RunIncomplete, TransientError
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.store import activation, entities, manual_activation, runs
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.entity.pointer_moves import redirect_after_move, refusal_of
from rtb_optimizer.web.forms import Posted, expected_run, number, reason_problem
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.sessions import CatalogSession

Kind = Literal["activate", "rollback"]

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Move:
    """A move of an entity's pointer that a user confirms: activate the target, or roll back to it."""

    entity_code: str
    kind: Kind
    target: Run


@router.get("/entities/{entity_code}/activate", name="activate")
def confirm_activation(request: Request, entity_code: EditableCode, session: CatalogSession, run: str) -> Response:
    """Show what activating a run would change."""
    return _confirmation(request, session, Move(entity_code, "activate", runs.find(session, run)))


@router.get("/entities/{entity_code}/rollback", name="rollback")
def confirm_rollback(request: Request, entity_code: EditableCode, session: CatalogSession) -> Response:
    """Show what going back to the previously active run would change."""
    target = activation.active_before(session, entities.find(session, entity_code))
    if target is None:
        raise NotFound(f"{entity_code} has no earlier run to roll back to: no other run was active before")
    return _confirmation(request, session, Move(entity_code, "rollback", runs.find(session, target)))


@router.post("/entities/{entity_code}/activate", name="activate_now")
def activate(
    request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Activate the run of the confirmation page."""
    return _moved(request, session, "activate", _pointer_change(entity_code, user, form))


@router.post("/entities/{entity_code}/rollback", name="rollback_now")
def roll_back(
    request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Go back to the run of the confirmation page."""
    return _moved(request, session, "rollback", _pointer_change(entity_code, user, form))


def _pointer_change(entity_code: str, user: User, form: dict[str, str]) -> PointerChange:
    reason = form.get("reason", "").strip()
    return PointerChange(entity_code, user.get_name(), reason, number(form, "run_id"), expected_run(form))


def _moved(request: Request, session: Session, kind: Kind, change: PointerChange) -> Response:
    """Move the pointer, or show the page again with the missing reason or with the change of the active run."""
    move = Move(change.entity_code, kind, runs.find(session, change.to or 0))
    if problem := reason_problem(change.reason):
        content: PageContent = {"reason": change.reason, "reason_problem": problem}
        return _confirmation(request, session, move, content, status.HTTP_422_UNPROCESSABLE_CONTENT)
    try:
        (manual_activation.activate if kind == "activate" else manual_activation.roll_back)(session, change)
    except PointerMoved as error:
        content = {"reason": change.reason, "pointer_moved": str(error)}
        return _confirmation(request, session, move, content, status.HTTP_409_CONFLICT)
    except (RunIncomplete, TransientError) as error:
        session.rollback()
        log.warning("%s: run %s was not activated: %s", change.entity_code, move.target.run_id, error)
        code, refused = refusal_of(error)
        return _confirmation(request, session, move, {"reason": change.reason, "refused": refused}, code)
    notice = "activated" if kind == "activate" else "rolled_back"
    return redirect_after_move(request, session, "entity", change.entity_code, notice)


def _confirmation(
    request: Request,
    session: Session,
    move: Move,
    content: PageContent | None = None,
    status_code: int = status.HTTP_200_OK,
) -> Response:
    entity, target = entities.find(session, move.entity_code), move.target
    if target.entity_id != entity.entity_id or target.status != "succeeded":
        raise NotFound(f"run {target.run_id} is no succeeded run of {move.entity_code}")
    if target.is_sandbox:
        raise EntityInvalid(f"run {target.run_id} cannot be activated: {NEVER_ACTIVATED}")
    content = {"reason": "", "reason_problem": None, "pointer_moved": None, "refused": ""} | (content or {})
    content |= _difference(session, entity, target)
    active = session.get(Run, entity.active_run_id) if entity.active_run_id else None
    return page(request, "confirm", status_code, entity=entity, kind=move.kind, target=target, active=active, **content)


def _difference(session: Session, entity: Entity, target: Run) -> PageContent:
    """Return the differences, or why they cannot be computed: the decision is possible all the same."""
    changes, problem = None, ""
    if entity.active_run_id is None:
        problem = "No run is active yet: until one is, every bid is its default."
    else:
        try:
            changes = compare(session, entity.entity_code, str(entity.active_run_id), str(target.run_id))
        except RtbOptimizerError as error:
            problem = f"The differences cannot be computed: {fault_of_store(error, with_address=False)}"
        except Exception:  # for example a run of a release that wrote other files
            log.warning("%s: run %s cannot be compared", entity.entity_code, target.run_id, exc_info=True)
            problem = "The differences cannot be computed: see the log of the api-server."
    return {"changes": changes, "difference_problem": problem}
