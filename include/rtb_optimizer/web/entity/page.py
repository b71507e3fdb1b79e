"""The pages of one entity: its runs, and the history of decisions and changes."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from rtb_optimizer.store import activation, challengers, deliveries, entities, history, queries
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.store.validity import active_valid_until
from rtb_optimizer.web.access import EditableCode, ReadableCode, User, dag_id_of, may
from rtb_optimizer.web.entity.list import RUN_STATUSES, next_runs
from rtb_optimizer.web.forms import LATE, MESSAGES, Posted, export_dag_list, redirect
from rtb_optimizer.web.rendering import PageContent, page
from rtb_optimizer.web.sessions import CatalogSession

PAGE_SIZE = 50
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
STATUS_WORDS = {"paused": "paused", "active": "resumed"}

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


class RunsQuery(BaseModel):
    """The query parameters of an entity's runs: an unknown status is ignored; `notice` names a message."""

    status: str = ""
    page: int = Field(1, ge=1, le=100_000)
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A user's request for a page of an entity."""

    request: Request
    session: Session
    user: User
    entity: Entity


def head(visit: Visit, notice: str = "") -> PageContent:
    """Return the content of the head of each page of an entity; `notice` names a message."""
    session, entity = visit.session, visit.entity
    return {
        "entity": entity,
        "active": session.get(Run, entity.active_run_id) if entity.active_run_id else None,
        "valid_until": active_valid_until(session, [entity.entity_id]).get(entity.entity_id),
        "challenger": challengers.open_one(session, entity),
        "deliveries": deliveries.status(session, entity),
        "last_move": history.last_move(session, entity),
        "previous_run_id": activation.active_before(session, entity),
        "next_run": next_runs([entity.entity_code]).get(entity.entity_code),
        "dag_id": dag_id_of(entity.entity_code),
        "may_edit": may(visit.user, "PUT", entity.entity_code),
        "message": MESSAGES.get(notice),
        "is_late": notice.endswith(LATE),
        "now": datetime.now(UTC),
    }


@router.get("/entities/{entity_code}", name="entity")
def entity_page(
    request: Request,
    entity_code: ReadableCode,
    user: User,
    session: CatalogSession,
    query: Annotated[RunsQuery, Query()],
) -> HTMLResponse:
    """Show an entity's runs, the newest first."""
    entity = entities.find(session, entity_code)
    run_status = query.status if query.status in RUN_STATUSES else ""
    counts = history.run_counts(session, entity)
    total = counts.get(run_status, 0) if run_status else sum(counts.values())
    return page(
        request,
        "entity_runs",
        **head(Visit(request, session, user, entity), query.notice),
        runs=queries.run_rows(session, entity_code, PAGE_SIZE, run_status, (query.page - 1) * PAGE_SIZE),
        status=run_status,
        statuses=RUN_STATUSES,
        counts=counts,
        total=total,
        number=query.page,
        pages=pages_of(total),
    )


@router.get("/entities/{entity_code}/history", name="history")
def history_page(
    request: Request,
    entity_code: ReadableCode,
    user: User,
    session: CatalogSession,
    decisions: PageNumber = 1,
    changes: PageNumber = 1,
) -> HTMLResponse:
    """Show the decisions and the changes with authors and reasons, the newest first."""
    entity = entities.find(session, entity_code)
    sizes = history.sizes(session, entity)
    return page(
        request,
        "entity_history",
        **head(Visit(request, session, user, entity)),
        decisions=history.decision_rows(session, entity, PAGE_SIZE, (decisions - 1) * PAGE_SIZE),
        changes=queries.config_change_rows(session, entity, PAGE_SIZE, (changes - 1) * PAGE_SIZE),
        totals=sizes,
        numbers=(decisions, changes),
        pages=tuple(pages_of(size) for size in sizes),
    )


@router.post("/entities/{entity_code}/status", name="set_status")
def set_status(
    request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted
) -> Response:
    """Pause an entity, or resume one that was paused or removed."""
    new = form.get("status", "")
    if new not in STATUS_WORDS:
        raise HTTPException(HTTP_422_UNPROCESSABLE_CONTENT, f"status: {new!r} is not one of paused, active")
    entities.set_status(session, entity_code, new, user.get_name())
    session.commit()
    log.info("%s set %s %s", user.get_name(), entity_code, new)
    return redirect(request, "entity", entity_code, STATUS_WORDS[new], late=not export_dag_list(session))


def pages_of(total: int) -> int:
    """Return the number of pages: at least one."""
    return max(-(-total // PAGE_SIZE), 1)
