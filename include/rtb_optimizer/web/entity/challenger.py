"""Opens a challenger with values of the configuration's form; promotes or drops it. Each is confirmed first."""

from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Request, Response, status
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from rtb_optimizer.errors import ConfigInvalid, PointerMoved
from rtb_optimizer.live.summary import challenger_summary
from rtb_optimizer.store import challengers, deliveries, entities, manual_activation, manual_challenge, queries
from rtb_optimizer.store.manual_challenge import ChallengerEnd
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.entity.config import by_key, changed_values, conflicts, form_page
from rtb_optimizer.web.entity.page import head
from rtb_optimizer.web.forms import Posted, export_dag_list, number, reason_problem, redirect
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.sessions import CatalogSession

SHARE = "0.1"
RESULTS = ("promoted", "dropped")

router = APIRouter(include_in_schema=False)


@router.post("/entities/{entity_code}/challenge", name="challenge")
def confirm_challenge(
    request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Show what a challenger with the values that were changed in the form would be, with a field for its share.

    The confirmation posts to the same address, with the share and the values.
    """
    entity = entities.find(session, entity_code)
    rows = queries.config_rows(session, entity)
    if "share" in form:
        return _open(request, session, user, entity_code, form)
    values, problems = changed_values(rows, form), conflicts(rows, form)
    if not values:
        return redirect(request, "config", entity_code, "unchallenged")
    if problems:
        return form_page(request, session, user, entity, values=values, problems=problems)
    return _challenge_page(request, session, user, entity_code, values, SHARE)


def _open(request: Request, session: Session, user: User, entity_code: str, form: Mapping[str, str]) -> Response:
    values = {name.removeprefix("set:"): value for name, value in form.items() if name.startswith("set:")}
    share = form["share"].strip()
    try:
        manual_challenge.open_challenger(session, entity_code, _share(share), values, user.get_name())
    except ConfigInvalid as error:
        session.rollback()
        return _challenge_page(request, session, user, entity_code, values, share, by_key(error.violations))
    return redirect(request, "live", entity_code, "challenged")


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigInvalid([f"share: {text!r} is not a number: it must be above 0 and below 1, such as 0.1"]) from None


def _challenge_page(  # noqa: PLR0913, PLR0917 - the page of a user, and what its first try left
    request: Request,
    session: Session,
    user: User,
    entity_code: str,
    values: Mapping[str, str],
    share: str,
    problems: Mapping[str, list[str]] | None = None,
) -> Response:
    entity = entities.find(session, entity_code)
    stored = {row["key"]: row["text"] or "" for row in queries.config_rows(session, entity)}
    return page(
        request,
        "challenge",
        status.HTTP_422_UNPROCESSABLE_CONTENT if problems else status.HTTP_200_OK,
        **head(session, entity, user),
        values=[(key, stored.get(key, ""), value) for key, value in values.items()],
        share=share,
        problems=[(key, why) for key, whys in (problems or {}).items() for why in whys],
    )


@router.get("/entities/{entity_code}/challenger", name="challenger")
def confirm_end(request: Request, entity_code: EditableCode, user: User, session: CatalogSession) -> Response:
    """Show what promoting or dropping the open challenger would change."""
    return _end_page(request, session, user, entity_code, {})


@router.post("/entities/{entity_code}/challenger", name="end_challenger")
def end(request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted) -> Response:
    """Promote or drop the challenger of the confirmation page."""
    result, reason = form.get("result", ""), form.get("reason", "").strip()
    if result not in RESULTS:
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT, f"result: {result!r} is not one of {', '.join(RESULTS)}"
        )
    if problem := reason_problem(reason):
        content: PageContent = {"reason": reason, "reason_problem": problem}
        return _end_page(request, session, user, entity_code, content, status.HTTP_422_UNPROCESSABLE_CONTENT)
    request_of = ChallengerEnd(entity_code, user.get_name(), reason, number(form, "challenger_id"))
    try:
        (manual_challenge.promote if result == "promoted" else manual_challenge.drop)(session, request_of)
    except PointerMoved as error:
        session.rollback()
        content = {"reason": reason, "moved": str(error)}
        return _end_page(request, session, user, entity_code, content, status.HTTP_409_CONFLICT)
    export_dag_list(session)
    late = not manual_activation.refresh_copy(session, entity_code)
    response = redirect(request, "live", entity_code, result, late=late)
    response.background = BackgroundTask(deliveries.deliver_beside, entity_code)
    return response


def _end_page(
    request: Request,
    session: Session,
    user: User,
    entity_code: str,
    content: PageContent,
    status_code: int = status.HTTP_200_OK,
) -> Response:
    entity = entities.find(session, entity_code)
    challengers.find_open(session, entity)
    content = {"reason": "", "reason_problem": None, "moved": None} | content
    found = challenger_summary(session, entity)
    return page(request, "challenger", status_code, **head(session, entity, user), found=found, **content)
