"""The page of one run: what was decided and why, first; then what it found and what it wrote."""

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
from rtb_optimizer.web.run import config, findings, segments
from rtb_optimizer.web.run.view import RunView, view_of
from rtb_optimizer.web.sessions import Catalog

TABS = {
    "overview": "Decision",
    "features": "Features",
    "segments": "Segments",
    "macros": "Ad macros",
    "outputs": "Outputs",
    "config": "Configuration",
    "report": "Report",
}
WITHOUT_OUTPUTS = ("overview", "features", "config")
# The stored page needs nothing but its own style; whatever stood in it would run nowhere and ask nobody.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)

router = APIRouter(include_in_schema=False)


class RunQuery(BaseModel):
    """What the address of the page says: which part of it, and which rows of the segment table."""

    tab: str = ""
    search: str = Field("", max_length=1000)
    feature: str = Field("", max_length=1000)
    tier: str = Field("", max_length=20)
    sort: str = ""
    page: int = Field(1, ge=1, le=1_000_000)
    segment: str = Field("", max_length=20_000)


@router.get("/runs/{run_id}", name="run")
def run_page(
    request: Request, run_id: str, user: User, session: Catalog, asked: Annotated[RunQuery, Query()]
) -> HTMLResponse:
    """Show a part of a run to those who may see its entity."""
    view = view_of(session, user, run_id)
    tabs = {name: title for name, title in TABS.items() if _has(view, name)}
    tab = asked.tab if asked.tab in tabs else next(iter(tabs))
    return page(
        request,
        "run",
        entity=view.entity,
        run=queries.run_details(session, view.run),
        other=view.other,
        tabs=tabs,
        tab=tab,
        now=datetime.now(UTC),
        **_PARTS[tab](view, asked),
    )


@router.get("/runs/{run_id}/report", name="run_report")
def run_report(run_id: str, user: User, session: Catalog) -> Response:
    """Answer with the report page as the run wrote it, locked up: the page of the run shows it in a frame."""
    body = view_of(session, user, run_id).outputs.body("report_page")
    headers = {
        "content-security-policy": REPORT_POLICY,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


def _has(view: RunView, tab: str) -> bool:
    return view.run.status == "succeeded" or tab in WITHOUT_OUTPUTS or (tab == "outputs" and bool(view.outputs.rows))


def _report(view: RunView, _: RunQuery) -> PageContent:
    try:
        view.outputs.body("report_page")
    except NotFound as problem:
        return {"gone": str(problem)}
    return {"gone": ""}


_PARTS: Mapping[str, Callable[[RunView, RunQuery], PageContent]] = {
    "overview": lambda view, _: findings.overview(view),
    "features": lambda view, _: findings.features(view),
    "segments": lambda view, asked: segments.segments(
        view, segments.wanted(asked.search, asked.feature, asked.tier, asked.sort, asked.page), asked.segment
    ),
    "macros": lambda view, _: findings.macros(view),
    "outputs": lambda view, _: findings.outputs(view),
    "config": lambda view, _: config.config(view),
    "report": _report,
}
