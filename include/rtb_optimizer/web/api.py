"""Which calls may a program make? What a bidder's loader needs, and what the pages do, under the same permissions."""

from typing import Any

from fastapi import APIRouter

from rtb_optimizer.store import entities, queries
from rtb_optimizer.web.access import ReadableCode, User, readable
from rtb_optimizer.web.catalog import Catalog

router = APIRouter(prefix="/api/v1", tags=["rtb_optimizer"])


@router.get("/entities")
def list_entities(user: User, session: Catalog) -> list[dict[str, Any]]:
    """Every entity that the caller may see, with its active run."""
    rows = queries.entity_rows(session)
    visible = readable(user, [row["entity_code"] for row in rows])
    return [row for row in rows if row["entity_code"] in visible]


@router.get("/entities/{entity_code}/runs")
def list_runs(entity_code: ReadableCode, session: Catalog, limit: int = 50) -> list[dict[str, Any]]:
    """An entity's runs, the newest first."""
    entities.find(session, entity_code)
    return queries.run_rows(session, entity_code, min(max(limit, 1), 1000))
