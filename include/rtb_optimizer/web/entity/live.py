"""The page with the results of an entity's tables after they went live."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rtb_optimizer.errors import NotFound
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import entities
from rtb_optimizer.web.access import ReadableCode, User
from rtb_optimizer.web.entity.page import Visit, head
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import CatalogSession

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/live", name="live")
def live_page(
    request: Request, entity_code: ReadableCode, user: User, session: CatalogSession, notice: str = ""
) -> HTMLResponse:
    """Show the days of the active policy by arm, its lift over the holdback, and the same of a challenger.

    `notice` names a message.
    """
    entity = entities.find(session, entity_code)
    try:
        found = realized(session, entity)
    except NotFound:
        found = None
    visit = Visit(request, session, user, entity)
    return page(request, "entity_live", **head(visit, notice), found=found)
