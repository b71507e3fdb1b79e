"""The page that explains a bid: what does the active run say of a request, and why?"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.outputs.explain import explain_by
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.schema import Run
from rtb_optimizer.web.access import ReadableCode
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.run.outputs import RunOutputs, unreadable
from rtb_optimizer.web.run.segment_table import SegmentList
from rtb_optimizer.web.run.view import unit_of
from rtb_optimizer.web.sessions import Catalog

PREFIX = "feature_"
"""A feature's field is named as its column of the table: a feature may be called anything, `page` too."""

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/explain", name="explain")
def explain_page(request: Request, entity_code: ReadableCode, session: Catalog) -> HTMLResponse:
    """Show the form, and the answer to what its address holds: an answer can be linked."""
    entity = entities.find(session, entity_code)
    run = session.get_one(Run, entity.active_run_id) if entity.active_run_id else None
    asked = {
        name.removeprefix(PREFIX): value.strip()
        for name, value in request.query_params.items()
        if name.startswith(PREFIX) and value.strip()
    }
    content = _answer(session, run, asked) if run else {"told": None, "problem": "", "values": {}}
    kind = unit_of(run) if run else ""
    return page(request, "explain", entity=entity, active=run, prefix=PREFIX, given=asked, kind=kind, **content)


def _answer(session: Session, run: Run, asked: Mapping[str, str]) -> dict[str, Any]:
    features = [row.feature_name for row in runs.features(session, run.run_id)]
    unknown = sorted(asked.keys() - set(features))
    given = {name: value for name, value in asked.items() if name in features}
    problem = f"No feature of the active run, and left out here: {', '.join(unknown)}." if unknown else ""
    try:
        told = explain_by(session, run, given)
        table = SegmentList(RunOutputs(session, run))
    except (RtbOptimizerError, KeyError) as failed:
        told_instead = unreadable(failed, "What the active run published")
        return {"told": None, "problem": told_instead, "values": {name: [] for name in features}}
    return {"told": told, "problem": problem, "values": {name: table.values(name) for name in table.features}}
