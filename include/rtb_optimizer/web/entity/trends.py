"""The page of an entity's last runs as plots."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rtb_optimizer.store import entities, trends
from rtb_optimizer.web.access import ReadableCode, User
from rtb_optimizer.web.entity.page import head
from rtb_optimizer.web.entity.trend_charts import trend_charts
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import CatalogSession

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/trends", name="trends")
def trends_page(request: Request, entity_code: ReadableCode, user: User, session: CatalogSession) -> HTMLResponse:
    """Show what was predicted and came of it, money, volume and the features' scores over the last runs."""
    entity = entities.find(session, entity_code)
    runs, days = trends.run_points(session, entity), trends.live_points(session, entity)
    return page(
        request,
        "entity_trends",
        **head(session, entity, user),
        charts=trend_charts(runs, days),
        runs=len(runs),
        last_runs=trends.LAST_RUNS,
    )
