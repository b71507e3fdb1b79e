"""The page of an entity's last runs as plots."""

from collections.abc import Sequence
from hashlib import sha256

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rtb_optimizer.store import entities, trends
from rtb_optimizer.store.trends import DayPoint, RunPoint
from rtb_optimizer.web.access import ReadableCode, User
from rtb_optimizer.web.cache import LRUCache
from rtb_optimizer.web.entity.page import Visit, head
from rtb_optimizer.web.entity.trend_charts import Chart, trend_charts
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import CatalogSession

_CHARTS: LRUCache[list[Chart]] = LRUCache(16_000_000, lambda charts: sum(len(each.svg) for each in charts))
"""The charts of about a hundred entities, by the points that they show: drawing is nearly all that a page costs."""

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/trends", name="trends")
def trends_page(request: Request, entity_code: ReadableCode, user: User, session: CatalogSession) -> HTMLResponse:
    """Show predicted and realized results, money, volume and the features' scores over the last runs."""
    entity = entities.find(session, entity_code)
    runs, days = trends.run_points(session, entity), trends.live_points(session, entity)
    return page(
        request,
        "entity_trends",
        **head(Visit(request, session, user, entity)),
        charts=_charts(runs, days),
        runs=len(runs),
        last_runs=trends.LAST_RUNS,
    )


def _charts(runs: Sequence[RunPoint], days: Sequence[DayPoint]) -> list[Chart]:
    points = sha256(repr((runs, days)).encode()).digest()
    return _CHARTS.get(points, lambda: trend_charts(runs, days))
