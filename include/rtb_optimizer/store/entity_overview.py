"""Reads one page of the entity list, sorted, filtered and paginated in the database, each entity with its runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import LateralFromClause

from rtb_optimizer.store.schema import Challenger, Entity, Run, RunDecision, Version
from rtb_optimizer.store.validity import active_valid_until

RUNS_PLOTTED = 30
SORTS = ("entity_code", "entity_name", "status", "active_data_end", "last_started", "last_status", "last_decision")


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """Filters, order and page of the entity list; `page` counts from 1."""

    search: str = ""
    status: str = ""
    last_status: str = ""
    sort: str = "entity_code"
    descending: bool = False
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class EntityOverview:
    """One entity of the list.

    `challenger_share` is the share of the requests that its open challenger bids on, None where there is none; `trend`
    has `predicted_change` of its last runs, the oldest first.
    """

    entity_code: str
    entity_name: str
    object_type: str
    object_id: int
    status: str
    version_code: str
    active_run_id: int | None
    active_run_code: str | None
    active_data_end: datetime | None
    valid_until: datetime | None
    change_from_active: float | None
    last_run_id: int | None
    last_run_code: str | None
    last_status: str | None
    last_started: datetime | None
    last_decision: str | None
    challenger_share: float | None
    trend: Sequence[float | None]


def entity_overviews(
    session: Session, query: EntityQuery, visible: Collection[str] | None = None
) -> tuple[list[EntityOverview], int]:
    """Return a page of entities and their total number; `visible` limits them to these codes, None does not."""
    last, active = _last_run(), aliased(Run)
    statement = (
        select(
            *(Entity.entity_id, Entity.entity_code, Entity.entity_name, Entity.object_type, Entity.object_id),
            *(Entity.status, Version.version_code, Entity.active_run_id),
            active.run_code.label("active_run_code"),
            active.data_end.label("active_data_end"),
            active.figures.label("active_figures"),
            last.c.run_id.label("last_run_id"),
            last.c.run_code.label("last_run_code"),
            last.c.status.label("last_status"),
            last.c.started_at.label("last_started"),
            _last_decision(last.c.run_id).label("last_decision"),
            _challenger_share().label("challenger_share"),
        )
        .join(Version, Version.version_id == Entity.current_version_id)
        .outerjoin(active, active.run_id == Entity.active_run_id)
        .outerjoin(last, last.c.run_id.is_not(None))
    )
    statement = statement.where(*_filters(query, last, visible))
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    rows = session.execute(_paginated(statement, query)).mappings().all()
    entity_ids = [row["entity_id"] for row in rows]
    trends, until = _trends(session, entity_ids), active_valid_until(session, entity_ids)
    return [_overview(row, trends.get(row["entity_id"], []), until.get(row["entity_id"])) for row in rows], total


def _filters(query: EntityQuery, last: LateralFromClause, visible: Collection[str] | None) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if visible is not None:
        filters.append(Entity.entity_code.in_(visible))
    if query.search:
        filters.append(
            or_(
                Entity.entity_code.icontains(query.search, autoescape=True),
                Entity.entity_name.icontains(query.search, autoescape=True),
            )
        )
    if query.status:
        filters.append(Entity.status == query.status)
    if query.last_status:
        filters.append(last.c.status == query.last_status)
    return filters


def _paginated(statement: Select[*tuple[Any, ...]], query: EntityQuery) -> Select[*tuple[Any, ...]]:
    columns = {column.name: column for column in statement.selected_columns}
    column = columns[query.sort if query.sort in SORTS else SORTS[0]]
    order = column.desc().nulls_last() if query.descending else column.asc().nulls_last()
    start = (max(query.page, 1) - 1) * query.page_size
    return statement.order_by(order, Entity.entity_code).limit(query.page_size).offset(start)


def _last_run() -> LateralFromClause:
    """One index look-up per entity, however many runs it has; a what-if run is no last run."""
    columns = select(Run.run_id, Run.run_code, Run.status, Run.started_at)
    runs = columns.where(Run.entity_id == Entity.entity_id, Run.is_sandbox.is_(False), Run.is_challenger.is_(False))
    return runs.order_by(Run.run_id.desc()).limit(1).lateral("last_run")


def _challenger_share() -> ColumnElement[float | None]:
    own = Challenger.entity_id == Entity.entity_id, Challenger.ended_at.is_(None)
    return select(Challenger.share).where(*own).scalar_subquery()


def _last_decision(run_id: ColumnElement[int]) -> ColumnElement[str | None]:
    decisions = select(RunDecision.decision).where(RunDecision.run_id == run_id)
    return decisions.order_by(RunDecision.id.desc()).limit(1).scalar_subquery()


def _trends(session: Session, entity_ids: Sequence[int]) -> dict[int, list[float | None]]:
    figure = Run.figures["predicted_change"].as_float()
    recent = (
        select(Run.run_id, figure.label("figure"))
        .where(Run.entity_id == Entity.entity_id, Run.status == "succeeded", Run.is_sandbox.is_(False))
        .where(Run.is_challenger.is_(False))
        .order_by(Run.run_id.desc())
        .limit(RUNS_PLOTTED)
        .lateral("recent")
    )
    rows = session.execute(
        select(Entity.entity_id, recent.c.figure)
        .join(recent, recent.c.run_id.is_not(None))
        .where(Entity.entity_id.in_(entity_ids))
        .order_by(Entity.entity_id, recent.c.run_id)
    )
    trends: dict[int, list[float | None]] = {}
    for entity_id, value in rows:
        trends.setdefault(entity_id, []).append(value)
    return trends


def _overview(row: Any, trend: list[float | None], valid_until: datetime | None) -> EntityOverview:  # noqa: ANN401 - a row
    figures = row["active_figures"] or {}
    columns = {name: row[name] for name in EntityOverview.__dataclass_fields__ if name in row}
    change = figures.get("change_from_active")
    return EntityOverview(**columns, valid_until=valid_until, change_from_active=change, trend=trend)
