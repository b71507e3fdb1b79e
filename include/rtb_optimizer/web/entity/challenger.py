"""Opens a challenger with values of the configuration's form; promotes or drops it. Each is confirmed first."""

import logging
from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Request, Response, status

from rtb_optimizer.errors import ConfigInvalid, PointerMoved, RunIncomplete, TransientError
from rtb_optimizer.live.summary import challenger_summary
from rtb_optimizer.store import challengers, entities, manual_challenge, queries
from rtb_optimizer.store.manual_challenge import ChallengerEnd
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.entity.config import by_key, changed_values, conflicts, form_page
from rtb_optimizer.web.entity.page import Visit, head
from rtb_optimizer.web.entity.pointer_moves import redirect_after_move, refusal_of
from rtb_optimizer.web.forms import Posted, export_dag_list, number, reason_problem, redirect
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.sessions import CatalogSession

SHARE = "0.1"
RESULTS = ("promoted", "dropped")

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@router.post("/entities/{entity_code}/challenge", name="challenge")
def confirm_challenge(
    request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Show what a challenger with the values that were changed in the form would be, with a field for its share.

    The confirmation posts to the same address, with the share and the values.
    """
    visit = Visit(request, session, user, entities.find(session, entity_code))
    rows = queries.config_rows(session, visit.entity)
    if "share" in form:
        return _open(visit, form)
    values, problems = changed_values(rows, form), conflicts(rows, form)
    if not values and not problems:
        return redirect(request, "config", entity_code, "unchallenged")
    if problems:
        return form_page(visit, values=values, problems=problems)
    return _challenge_page(visit, values, SHARE)


def _open(visit: Visit, form: Mapping[str, str]) -> Response:
    session, entity_code = visit.session, visit.entity.entity_code
    values = {name.removeprefix("set:"): value for name, value in form.items() if name.startswith("set:")}
    share = form["share"].strip()
    try:
        manual_challenge.open_challenger(session, entity_code, _share(share), values, visit.user.get_name())
    except ConfigInvalid as error:
        session.rollback()
        return _challenge_page(visit, values, share, by_key(error.violations))
    return redirect(visit.request, "live", entity_code, "challenged")


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigInvalid([f"share: {text!r} is not a number: it must be above 0 and below 1, such as 0.1"]) from None


def _challenge_page(
    visit: Visit, values: Mapping[str, str], share: str, problems: Mapping[str, list[str]] | None = None
) -> Response:
    stored = {row["key"]: row["text"] or "" for row in queries.config_rows(visit.session, visit.entity)}
    return page(
        visit.request,
        "challenge",
        status.HTTP_422_UNPROCESSABLE_CONTENT if problems else status.HTTP_200_OK,
        **head(visit),
        values=[(key, stored.get(key, ""), value) for key, value in values.items()],
        share=share,
        problems=[(key, why) for key, whys in (problems or {}).items() for why in whys],
    )


@router.get("/entities/{entity_code}/challenger", name="challenger")
def confirm_end(request: Request, entity_code: EditableCode, user: User, session: CatalogSession) -> Response:
    """Show what promoting or dropping the open challenger would change."""
    return _end_page(Visit(request, session, user, entities.find(session, entity_code)), {})


@router.post("/entities/{entity_code}/challenger", name="end_challenger")
def end(request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted) -> Response:
    """Promote or drop the challenger of the confirmation page."""
    result, reason = form.get("result", ""), form.get("reason", "").strip()
    if result not in RESULTS:
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT, f"result: {result!r} is not one of {', '.join(RESULTS)}"
        )
    visit = Visit(request, session, user, entities.find(session, entity_code))
    if problem := reason_problem(reason):
        content: PageContent = {"reason": reason, "reason_problem": problem}
        return _end_page(visit, content, status.HTTP_422_UNPROCESSABLE_CONTENT)
    request_of = ChallengerEnd(entity_code, user.get_name(), reason, number(form, "challenger_id"))
    try:
        (manual_challenge.promote if result == "promoted" else manual_challenge.drop)(session, request_of)
    except PointerMoved as error:
        session.rollback()
        return _end_page(visit, {"reason": reason, "refused": str(error)}, status.HTTP_409_CONFLICT)
    except (RunIncomplete, TransientError) as error:
        session.rollback()
        log.warning("%s: its challenger was not %s: %s", entity_code, result, error)
        code, refused = refusal_of(error)
        return _end_page(visit, {"reason": reason, "refused": refused}, code)
    export_dag_list(session)
    return redirect_after_move(request, session, "live", entity_code, result)


def _end_page(visit: Visit, content: PageContent, status_code: int = status.HTTP_200_OK) -> Response:
    challengers.find_open(visit.session, visit.entity)
    content = {"reason": "", "reason_problem": None, "refused": ""} | content
    found = challenger_summary(visit.session, visit.entity)
    return page(visit.request, "challenger", status_code, **head(visit), found=found, **content)
