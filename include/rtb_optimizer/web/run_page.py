"""The page of one run: what was decided and why, first; then what it found and what it wrote."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rtb_optimizer.store import queries, runs
from rtb_optimizer.store.schema import Entity
from rtb_optimizer.web.access import User, require
from rtb_optimizer.web.catalog import Catalog
from rtb_optimizer.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/runs/{run_id}", name="run")
def run_page(request: Request, run_id: int, user: User, session: Catalog) -> HTMLResponse:
    """Show a run to those who may see its entity."""
    found = runs.find(session, run_id)
    entity = session.get_one(Entity, found.entity_id)
    require(user, "GET", entity.entity_code)
    return page(request, "run", entity=entity, run=queries.run_details(session, found))
