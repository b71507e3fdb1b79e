"""The page that compares two runs of an entity: rows that appeared, vanished and moved, with the causes."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from rtb_optimizer.core.table.changes import Change, Kind
from rtb_optimizer.errors import NotFound, RtbOptimizerError
from rtb_optimizer.outputs.compare import change_document, compared, pair
from rtb_optimizer.outputs.documents.changes import ChangesDocument
from rtb_optimizer.outputs.published import published
from rtb_optimizer.outputs.what_if import WhatIfDocument, what_if_document
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.schema import Run
from rtb_optimizer.web.access import ReadableCode
from rtb_optimizer.web.cache import LRUCache
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.run.outputs import UNREADABLE, RunOutputs, unreadable
from rtb_optimizer.web.sessions import CatalogSession

KINDS = (Kind.MOVED, Kind.APPEARED, Kind.VANISHED)
PAGE_SIZE = 50
RUNS_LISTED = 200
Difference = tuple[ChangesDocument, list[Change]]
_BYTES_PER_CHANGE = 1000
_DIFFERENCES: LRUCache[Difference] = LRUCache(100_000_000, lambda each: _BYTES_PER_CHANGE * len(each[1]))

router = APIRouter(include_in_schema=False)


class CompareQuery(BaseModel):
    """The query parameters: the two runs by id or code, the kind of changes, and the page."""

    before: str = Field("", max_length=200, pattern="^[A-Za-z0-9_-]*$")
    after: str = Field("", max_length=200, pattern="^[A-Za-z0-9_-]*$")
    kind: str = ""
    page: int = Field(1, ge=1, le=1_000_000)


@router.get("/entities/{entity_code}/compare", name="compare")
def compare_page(
    request: Request, entity_code: ReadableCode, session: CatalogSession, query: Annotated[CompareQuery, Query()]
) -> HTMLResponse:
    """Show what changed between two runs, by default from the previously active run to the active one."""
    entity = entities.find(session, entity_code)
    before: Run | None = None
    after: Run | None = None
    content: PageContent
    try:
        before, after = pair(session, entity_code, query.before, query.after)
        content = _difference(session, before, after, query)
    except NotFound as problem:
        if query.before or query.after:
            raise
        content = {"problem": str(problem)}
    return page(
        request,
        "compare",
        entity=entity,
        before=before,
        after=after,
        listed=_listed(runs.succeeded(session, entity, RUNS_LISTED), before, after),
        kinds=KINDS,
        query=query,
        **content,
    )


def _what_if(session: Session, before: Run, after: Run) -> WhatIfDocument | None:
    """Return the result of a what-if run, beside the run that it is compared with."""
    try:
        tried = what_if_document(session, after)
    except UNREADABLE:  # the difference is shown all the same
        return None
    return tried if tried is not None and tried.compared_run_id == before.run_id else None


def _listed(newest: Iterable[Run], *chosen: Run | None) -> list[Run]:
    """Return the runs to choose from: the newest, and the chosen ones, however old."""
    listed = {run.run_id: run for run in [*newest, *(run for run in chosen if run is not None)]}
    return sorted(listed.values(), key=lambda run: -run.run_id)


def _key(session: Session, run: Run) -> tuple[str, ...]:
    """Return the parts of a run that a comparison depends on; none of them ever changes."""
    outputs = RunOutputs(session, run).rows
    return run.run_code, *(outputs[name].sha256 for name in ("segments", "features") if name in outputs)


def _difference(session: Session, before: Run, after: Run, query: CompareQuery) -> PageContent:
    def compare() -> Difference:
        return compared(published(session, before), published(session, after))

    try:
        difference, changed = _DIFFERENCES.get((_key(session, before), _key(session, after)), compare)
    except (RtbOptimizerError, KeyError) as problem:
        return {"problem": unreadable(problem, "The output of one of these runs")}
    kind = query.kind if query.kind in KINDS else ""
    selected = [change for change in changed if not kind or change.kind == kind]
    start = (query.page - 1) * PAGE_SIZE
    return {
        "problem": "",
        "what_if": _what_if(session, before, after),
        "difference": difference,
        "kind": kind,
        "rows": [change_document(change) for change in selected[start : start + PAGE_SIZE]],
        "total": len(selected),
        "pages": max(-(-len(selected) // PAGE_SIZE), 1),
    }
