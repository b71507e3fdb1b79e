"""The page before a person moves the pointer: what would change for bidders, and a field for the reason."""

import logging
from typing import Literal

from fastapi import APIRouter, Request, Response, status
from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound, PointerMoved, RtbOptimizerError
from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.store import activation, entities, manual_activation, runs
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.forms import Posted, number, reason_problem, seen, then
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.sessions import Catalog

Kind = Literal["activate", "rollback"]

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/activate", name="activate")
def before_activating(request: Request, entity_code: EditableCode, session: Catalog, run: str) -> Response:
    """Show what activating a run would change."""
    return _confirmation(request, session, entity_code, "activate", runs.find(session, run))


@router.get("/entities/{entity_code}/rollback", name="rollback")
def before_rolling_back(request: Request, entity_code: EditableCode, session: Catalog) -> Response:
    """Show what going back to the run that was active before would change."""
    target = activation.active_before(session, entities.find(session, entity_code))
    if target is None:
        raise NotFound(f"{entity_code} has no earlier run to roll back to: no other was active before")
    return _confirmation(request, session, entity_code, "rollback", runs.find(session, target))


@router.post("/entities/{entity_code}/activate", name="activate_now")
def activate(request: Request, entity_code: EditableCode, user: User, session: Catalog, form: Posted) -> Response:
    """Make the run that the page showed the active one."""
    return _moved(request, session, "activate", _order(entity_code, user, form))


@router.post("/entities/{entity_code}/rollback", name="rollback_now")
def roll_back(request: Request, entity_code: EditableCode, user: User, session: Catalog, form: Posted) -> Response:
    """Go back to the run that the page showed."""
    return _moved(request, session, "rollback", _order(entity_code, user, form))


def _order(entity_code: str, user: User, form: dict[str, str]) -> PointerChange:
    return PointerChange(
        entity_code, user.get_name(), form.get("reason", "").strip(), number(form, "run_id"), seen(form)
    )


def _moved(request: Request, session: Session, kind: Kind, order: PointerChange) -> Response:
    """Move the pointer, or show the page again: with what is missing, or with what has changed meanwhile."""
    target = runs.find(session, order.to or 0)
    if problem := reason_problem(order.reason):
        again = {"reason": order.reason, "reason_problem": problem}
        return _confirmation(request, session, order.entity_code, kind, target, 422, **again)
    try:
        (manual_activation.activate if kind == "activate" else manual_activation.roll_back)(session, order)
    except PointerMoved as problem:
        again = {"reason": order.reason, "moved_meanwhile": str(problem)}
        return _confirmation(request, session, order.entity_code, kind, target, status.HTTP_409_CONFLICT, **again)
    late = not manual_activation.refresh_copy(session, order.entity_code)
    return then(request, "entity", order.entity_code, "activated" if kind == "activate" else "rolled_back", late=late)


def _confirmation(
    request: Request,
    session: Session,
    entity_code: str,
    kind: Kind,
    target: Run,
    status_code: int = 200,
    **again: str | None,
) -> Response:
    entity = entities.find(session, entity_code)
    if target.entity_id != entity.entity_id or target.status != "succeeded":
        raise NotFound(f"run {target.run_id} is no succeeded run of {entity_code}")
    told: PageContent = {
        "reason": "",
        "reason_problem": None,
        "moved_meanwhile": None,
        "found": None,
        "without": None,
        **again,
    }
    told |= _difference(session, entity, target)
    active = session.get(Run, entity.active_run_id) if entity.active_run_id else None
    return page(request, "confirm", status_code, entity=entity, kind=kind, target=target, active=active, **told)


def _difference(session: Session, entity: Entity, target: Run) -> PageContent:
    """Return what would change, or why that cannot be told: a decision must be possible all the same."""
    if entity.active_run_id is None:
        return {"without": "No run is active yet: until one is, every bid is its default."}
    try:
        return {"found": compare(session, entity.entity_code, str(entity.active_run_id), str(target.run_id))}
    except RtbOptimizerError as problem:
        return {"without": f"What would change cannot be told: {problem}"}
    except Exception:  # a run of a release that wrote other files
        log.warning("%s: run %s cannot be compared", entity.entity_code, target.run_id, exc_info=True)
        return {"without": "What would change cannot be told: the log of the api-server says why."}
