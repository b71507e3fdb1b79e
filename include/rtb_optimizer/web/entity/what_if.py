"""Tries the values of the configuration's form without saving them: a what-if run that Airflow carries out.

The run's row has the values; the dag run that is started for it has an id and no conf. So nothing but the trigger form
sets the keys of a run that could be activated.
"""

import logging
import uuid
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.status import HTTP_303_SEE_OTHER, HTTP_409_CONFLICT

from rtb_optimizer.errors import ConfigInvalid, EntityInvalid
from rtb_optimizer.outputs.what_if import what_if_command
from rtb_optimizer.store import entities, failures, queries, what_if
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Entity
from rtb_optimizer.web import dag_runs
from rtb_optimizer.web.access import TriggerableCode, User, dag_id_of
from rtb_optimizer.web.entity.config import by_key, changed_values, conflicts, form_page
from rtb_optimizer.web.entity.page import Visit
from rtb_optimizer.web.forms import Posted, redirect
from rtb_optimizer.web.rendering import address_of
from rtb_optimizer.web.sessions import CatalogSession

MAX_NOTE = 900  # characters; Airflow keeps 1,000

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@router.post("/entities/{entity_code}/what-if", name="try_config")
def try_values(
    request: Request, entity_code: TriggerableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Start a what-if run of the values that were changed in the form, and show it; nothing is saved."""
    entity = entities.find(session, entity_code)
    rows = queries.config_rows(session, entity)
    values, problems = changed_values(rows, form), conflicts(rows, form)
    if not values and not problems:
        return redirect(request, "config", entity_code, "untried")
    if not problems:
        try:
            run_id = _start(session, entity, values, user.get_name())
        except ConfigInvalid as error:
            problems = by_key(error.violations)
        except EntityInvalid as error:  # no value is wrong: the form stays as it is until Airflow can start it
            session.rollback()
            response = form_page(Visit(request, session, user, entity), values=values, problems={"": [str(error)]})
            response.status_code = HTTP_409_CONFLICT
            return response
        else:
            return RedirectResponse(address_of(request, "run", run_id=run_id), HTTP_303_SEE_OTHER)
    session.rollback()
    return form_page(Visit(request, session, user, entity), values=values, problems=problems)


def _start(session: Session, entity: Entity, values: dict[str, str], by: str) -> int:
    """Record the run, then start its dag run, which finds it; a run that Airflow does not start ends as failed."""
    attempt = Attempt(
        dag_id_of(entity.entity_code), f"what_if__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{uuid.uuid4().hex[:8]}"
    )
    run = what_if.create(session, entity, values, attempt, by)
    dag_runs.require_triggerable(attempt.dag_id)
    session.commit()
    command = what_if_command(entity.entity_code, values)
    try:
        dag_runs.trigger(attempt.dag_id, attempt.dag_run_id, by, f"What if: {command}"[:MAX_NOTE])
    except EntityInvalid as problem:
        log.exception("run %s was not started", run.run_code)
        failures.fail_run(session, run.run_id, str(problem))
        session.commit()
        raise EntityInvalid(f"{problem}; nothing was tried. On the command line: {command}") from problem
    return run.run_id
