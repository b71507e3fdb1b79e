"""The page of one entity: which runs it had, what was decided on them by whom, and what it is configured to do."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rtb_optimizer.store import entities, queries
from rtb_optimizer.web.access import ReadableCode, User, may
from rtb_optimizer.web.catalog import Catalog
from rtb_optimizer.web.rendering import page

RUNS_SHOWN = 100

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}", name="entity")
def entity_page(request: Request, entity_code: ReadableCode, user: User, session: Catalog) -> HTMLResponse:
    """Show an entity's runs and configuration."""
    entity = entities.find(session, entity_code)
    return page(
        request,
        "entity",
        entity=entity,
        runs=queries.run_rows(session, entity_code, RUNS_SHOWN),
        may_edit=may(user, "PUT", entity_code),
        now=datetime.now(UTC),
    )
