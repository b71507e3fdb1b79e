"""The page of all entities: status, active run, last run and next run of each."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.entity_overview import SORTS, EntityQuery, entity_overviews
from rtb_optimizer.store.seeds import OPT_CODE
from rtb_optimizer.web.access import User, dag_id_of, may, readable
from rtb_optimizer.web.rendering import address_of, page
from rtb_optimizer.web.sessions import CatalogSession

STATUSES = ("active", "paused", "retired")
RUN_STATUSES = ("running", "succeeded", "failed")

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


class ListQuery(BaseModel):
    """The query parameters of the list: unknown sorts and states are the defaults, not errors."""

    search: str = Field("", max_length=200)
    status: str = ""
    last_status: str = ""
    sort: str = SORTS[0]
    descending: bool = False
    page: int = Field(1, ge=1, le=100_000)

    def entity_query(self) -> EntityQuery:
        """Return the query of the catalog."""
        return EntityQuery(
            self.search.strip(),
            self.status if self.status in STATUSES else "",
            self.last_status if self.last_status in RUN_STATUSES else "",
            self.sort if self.sort in SORTS else SORTS[0],
            self.descending,
            self.page,
        )


@router.get("/", name="entities")
def entity_list(
    request: Request, user: User, session: CatalogSession, parameters: Annotated[ListQuery, Query()]
) -> HTMLResponse:
    """Show a page of the entities that the user may see."""
    codes = [entity.entity_code for entity in entities.all_entities(session)]
    visible = readable(user, codes)
    query = parameters.entity_query()
    rows, total = entity_overviews(session, query, None if len(visible) == len(codes) else visible)
    return page(
        request,
        "entities",
        rows=rows,
        total=total,
        query=query,
        pages=max(-(-total // query.page_size), 1),
        visible_count=len(visible),
        next_runs=next_runs([row.entity_code for row in rows]),
        statuses=STATUSES,
        run_statuses=RUN_STATUSES,
        may_add=may(user, "PUT"),
        now=datetime.now(UTC),
    )


@router.get("/dags/{dag_id}", name="dag_tab")
def dag_tab(request: Request, dag_id: str) -> RedirectResponse:
    """Redirect from an entity's DAG to its page: the tab that Airflow shows."""
    code = dag_id.removeprefix(f"{OPT_CODE}__")
    return RedirectResponse(address_of(request, "entity", entity_code=code))


@router.get("/dag-runs", name="dag_run_tab")
def dag_run_tab(request: Request, session: CatalogSession, dag_id: str, run_id: str) -> RedirectResponse:
    """Redirect from a dag run to the page of its newest run."""
    run = runs.of_dag_run(session, dag_id, run_id)
    return RedirectResponse(address_of(request, "run", run_id=run.run_id))


def next_runs(entity_codes: Sequence[str]) -> dict[str, datetime]:
    """Return the time of each entity's next scheduled run, where Airflow has one."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    by_dag = {dag_id_of(code): code for code in entity_codes}
    query = select(DagModel.dag_id, DagModel.next_dagrun_create_after).where(
        DagModel.dag_id.in_(by_dag), DagModel.is_paused.is_(False), DagModel.is_stale.is_(False)
    )
    try:
        with create_session() as metadata:
            return {by_dag[dag_id]: when for dag_id, when in metadata.execute(query) if when is not None}
    except SQLAlchemyError:  # the page is useful without it
        log.warning("the times of the next runs cannot be read from Airflow's database", exc_info=True)
        return {}
