"""The page of one entity: how does it stand, which runs had it, and what was decided and changed there by whom?"""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from rtb_optimizer.store import activation, entities, history, queries
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.store.validity import active_valid_until
from rtb_optimizer.web.access import EditableCode, ReadableCode, User, dag_id_of, may
from rtb_optimizer.web.entity.list import RUN_STATUSES, next_runs
from rtb_optimizer.web.forms import LATE, TOLD, Posted, airflow_knows, then
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import Catalog

PAGE_SIZE = 50
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
STATUS_WORDS = {"paused": "paused", "active": "resumed"}

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


class RunsQuery(BaseModel):
    """What the address of an entity's runs says: an unknown status is none, not an error."""

    status: str = ""
    page: int = Field(1, ge=1, le=100_000)
    told: str = ""


def standing(session: Session, entity: Entity, user: User, told: str = "") -> dict[str, Any]:
    """Return what the head of each page of an entity shows."""
    return {
        "entity": entity,
        "active": session.get(Run, entity.active_run_id) if entity.active_run_id else None,
        "valid_until": active_valid_until(session, [entity.entity_id]).get(entity.entity_id),
        "moved": history.last_move(session, entity),
        "before": activation.active_before(session, entity),
        "next_run": next_runs([entity.entity_code]).get(entity.entity_code),
        "dag_id": dag_id_of(entity.entity_code),
        "may_edit": may(user, "PUT", entity.entity_code),
        "told": TOLD.get(told),
        "told_late": told.endswith(LATE),
        "now": datetime.now(UTC),
    }


@router.get("/entities/{entity_code}", name="entity")
def entity_page(
    request: Request, entity_code: ReadableCode, user: User, session: Catalog, asked: Annotated[RunsQuery, Query()]
) -> HTMLResponse:
    """Show an entity's runs, the newest first."""
    entity = entities.find(session, entity_code)
    wanted = asked.status if asked.status in RUN_STATUSES else ""
    counts = history.run_counts(session, entity)
    total = counts.get(wanted, 0) if wanted else sum(counts.values())
    return page(
        request,
        "entity_runs",
        **standing(session, entity, user, asked.told),
        runs=queries.run_rows(session, entity_code, PAGE_SIZE, wanted, (asked.page - 1) * PAGE_SIZE),
        status=wanted,
        statuses=RUN_STATUSES,
        counts=counts,
        total=total,
        number=asked.page,
        pages=pages_of(total),
    )


@router.get("/entities/{entity_code}/history", name="history")
def history_page(
    request: Request,
    entity_code: ReadableCode,
    user: User,
    session: Catalog,
    decisions: PageNumber = 1,
    changes: PageNumber = 1,
) -> HTMLResponse:
    """Show what was decided and what was configured, by whom and why, the newest first."""
    entity = entities.find(session, entity_code)
    sizes = history.sizes(session, entity)
    return page(
        request,
        "entity_history",
        **standing(session, entity, user),
        decisions=history.decision_rows(session, entity, PAGE_SIZE, (decisions - 1) * PAGE_SIZE),
        changes=queries.config_change_rows(session, entity, PAGE_SIZE, (changes - 1) * PAGE_SIZE),
        totals=sizes,
        numbers=(decisions, changes),
        pages=tuple(pages_of(size) for size in sizes),
    )


@router.post("/entities/{entity_code}/status", name="set_status")
def set_status(request: Request, entity_code: EditableCode, user: User, session: Catalog, form: Posted) -> Response:
    """Pause an entity, or resume one that was paused or removed."""
    wanted = form.get("status", "")
    if wanted not in STATUS_WORDS:
        raise HTTPException(HTTP_422_UNPROCESSABLE_CONTENT, f"status: {wanted!r} is not one of paused, active")
    entities.set_status(session, entity_code, wanted, user.get_name())
    session.commit()
    log.info("%s set %s %s", user.get_name(), entity_code, wanted)
    return then(request, "entity", entity_code, STATUS_WORDS[wanted], late=not airflow_knows(session))


def pages_of(total: int) -> int:
    """Return how many pages rows fill: at least one."""
    return max(-(-total // PAGE_SIZE), 1)
