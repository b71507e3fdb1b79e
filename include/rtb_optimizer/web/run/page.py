"""The page of one run, in tabs: the decision first, then findings and outputs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from rtb_optimizer.errors import NotFound
from rtb_optimizer.store import queries
from rtb_optimizer.web.access import User
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.run import config, findings, lineage, segments
from rtb_optimizer.web.run.view import RunView, view_of
from rtb_optimizer.web.sessions import CatalogSession

TABS = {
    "overview": "Decision",
    "features": "Features",
    "segments": "Segments",
    "macros": "Ad macros",
    "outputs": "Outputs",
    "lineage": "Lineage",
    "config": "Configuration",
    "report": "Report",
}
WITHOUT_OUTPUTS = ("overview", "features", "config")
# The stored report needs only its own style: no script in it runs, and no request leaves it.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)

router = APIRouter(include_in_schema=False)


class RunQuery(BaseModel):
    """The query parameters of the page: the tab, and the rows of the segment table."""

    tab: str = ""
    search: str = Field("", max_length=1000)
    feature: str = Field("", max_length=1000)
    tier: str = Field("", max_length=20)
    sort: str = ""
    page: int = Field(1, ge=1, le=1_000_000)
    segment: str = Field("", max_length=20_000)


@router.get("/runs/{run_id}", name="run")
def run_page(
    request: Request, run_id: str, user: User, session: CatalogSession, query: Annotated[RunQuery, Query()]
) -> HTMLResponse:
    """Show a tab of a run to users who may see its entity."""
    view = view_of(session, user, run_id)
    tabs = {name: title for name, title in TABS.items() if _has(view, name)}
    tab = query.tab if query.tab in tabs else next(iter(tabs))
    return page(
        request,
        "run",
        entity=view.entity,
        run=queries.run_details(session, view.run),
        other=view.other,
        tabs=tabs,
        tab=tab,
        now=datetime.now(UTC),
        **_CONTENT[tab](view, query),
    )


@router.get("/runs/{run_id}/report", name="run_report")
def run_report(run_id: str, user: User, session: CatalogSession) -> Response:
    """Return the report page as the run wrote it, sandboxed: the page of the run shows it in a frame."""
    body = view_of(session, user, run_id).outputs.body("report_page")
    headers = {
        "content-security-policy": REPORT_POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


def _has(view: RunView, tab: str) -> bool:
    return view.run.status == "succeeded" or tab in WITHOUT_OUTPUTS or (tab == "outputs" and bool(view.outputs.rows))


def _report(view: RunView, _: RunQuery) -> PageContent:
    try:
        view.outputs.body("report_page")
    except NotFound as error:
        return {"report_problem": str(error)}
    return {"report_problem": ""}


_CONTENT: Mapping[str, Callable[[RunView, RunQuery], PageContent]] = {
    "overview": lambda view, _: findings.overview(view),
    "features": lambda view, _: findings.features(view),
    "segments": lambda view, query: segments.segments(
        view, segments.segment_query(query.search, query.feature, query.tier, query.sort, query.page), query.segment
    ),
    "macros": lambda view, _: findings.macros(view),
    "outputs": lambda view, _: findings.outputs(view),
    "lineage": lambda view, _: lineage.lineage(view),
    "config": lambda view, _: config.config(view),
    "report": _report,
}
