"""The page that compares two runs of an entity: what came, what went, what moved, and by which cause."""

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
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.schema import Run
from rtb_optimizer.web.access import ReadableCode
from rtb_optimizer.web.cache import Kept
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.run.outputs import RunOutputs, unreadable
from rtb_optimizer.web.sessions import Catalog

KINDS = (Kind.MOVED, Kind.APPEARED, Kind.VANISHED)
PAGE_SIZE = 50
RUNS_LISTED = 200
Difference = tuple[ChangesDocument, list[Change]]
_BYTES_A_CHANGE = 1000
_COMPARED: Kept[Difference] = Kept(100_000_000, lambda found: _BYTES_A_CHANGE * len(found[1]))

router = APIRouter(include_in_schema=False)


class CompareQuery(BaseModel):
    """What the address says: the two runs by id or code, which kind of changes, and the page of them."""

    before: str = Field("", max_length=200, pattern="^[A-Za-z0-9_-]*$")
    after: str = Field("", max_length=200, pattern="^[A-Za-z0-9_-]*$")
    kind: str = ""
    page: int = Field(1, ge=1, le=1_000_000)


@router.get("/entities/{entity_code}/compare", name="compare")
def compare_page(
    request: Request, entity_code: ReadableCode, session: Catalog, asked: Annotated[CompareQuery, Query()]
) -> HTMLResponse:
    """Show what changed between two runs, by default from the run that was active before to the active one."""
    entity = entities.find(session, entity_code)
    was: Run | None = None
    now: Run | None = None
    content: PageContent
    try:
        was, now = pair(session, entity_code, asked.before, asked.after)
        content = _compared(session, was, now, asked)
    except NotFound as problem:
        if asked.before or asked.after:
            raise
        content = {"problem": str(problem)}
    return page(
        request,
        "compare",
        entity=entity,
        before=was,
        after=now,
        listed=_listed(runs.succeeded(session, entity, RUNS_LISTED), was, now),
        kinds=KINDS,
        asked=asked,
        **content,
    )


def _listed(newest: Iterable[Run], *chosen: Run | None) -> list[Run]:
    """Return the runs to pick from: the newest, and those chosen, however old."""
    found = {run.run_id: run for run in [*newest, *(run for run in chosen if run is not None)]}
    return sorted(found.values(), key=lambda run: -run.run_id)


def _key(session: Session, run: Run) -> tuple[str, ...]:
    """Return what a comparison depends on of a run, none of which changes."""
    outputs = RunOutputs(session, run).rows
    return run.run_code, *(outputs[name].sha256 for name in ("segments", "features") if name in outputs)


def _compared(session: Session, was: Run, now: Run, asked: CompareQuery) -> PageContent:
    def compare() -> Difference:
        return compared(published(session, was), published(session, now))

    try:
        difference, changed = _COMPARED.get((_key(session, was), _key(session, now)), compare)
    except (RtbOptimizerError, KeyError) as problem:
        return {"problem": unreadable(problem, "What one of these runs published")}
    kind = asked.kind if asked.kind in KINDS else ""
    listed = [change for change in changed if not kind or change.kind == kind]
    start = (asked.page - 1) * PAGE_SIZE
    return {
        "problem": "",
        "difference": difference,
        "kind": kind,
        "rows": [change_document(change) for change in listed[start : start + PAGE_SIZE]],
        "total": len(listed),
        "pages": max(-(-len(listed) // PAGE_SIZE), 1),
    }
