"""The page that explains the bid of a request by the active run."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from rtb_optimizer.outputs.explain import explain_by
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.schema import Run
from rtb_optimizer.web.access import ReadableCode
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.run.outputs import UNREADABLE, RunOutputs, unreadable
from rtb_optimizer.web.run.segment_table import SegmentTable
from rtb_optimizer.web.run.view import unit_of
from rtb_optimizer.web.sessions import CatalogSession

PREFIX = "feature_"
"""The field of a feature has the name of its column in the table: a feature may have any name, `page` too."""

router = APIRouter(include_in_schema=False)


@router.get("/entities/{entity_code}/explain", name="explain")
def explain_page(request: Request, entity_code: ReadableCode, session: CatalogSession) -> HTMLResponse:
    """Show the form, and the explanation for the values in the address, so that it can be linked."""
    entity = entities.find(session, entity_code)
    run = session.get_one(Run, entity.active_run_id) if entity.active_run_id else None
    values = {
        name.removeprefix(PREFIX): value.strip()
        for name, value in request.query_params.items()
        if name.startswith(PREFIX) and value.strip()
    }
    content = _content(session, run, values) if run else {"explanation": None, "problem": "", "frequent": {}}
    unit = unit_of(run) if run else ""
    return page(request, "explain", entity=entity, active=run, prefix=PREFIX, values=values, unit=unit, **content)


def _content(session: Session, run: Run, values: Mapping[str, str]) -> PageContent:
    features = [row.feature_name for row in runs.features(session, run.run_id)]
    unknown = sorted(values.keys() - set(features))
    problem = f"Ignored, not a feature of the active run: {', '.join(unknown)}." if unknown else ""
    try:
        explanation = explain_by(session, run, {name: value for name, value in values.items() if name in features})
        table = SegmentTable(RunOutputs(session, run))
    except UNREADABLE as error:
        problem = unreadable(error, "The output of the active run")
        return {"explanation": None, "problem": problem, "frequent": {name: [] for name in features}}
    frequent = {name: table.frequent_values(name) for name in table.features}
    return {"explanation": explanation, "problem": problem, "frequent": frequent}
