"""Reads of an entity: its active run, runs and decisions, the difference of two runs, the explanation of a bid."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.status import HTTP_304_NOT_MODIFIED

from rtb_optimizer.errors import NotFound
from rtb_optimizer.live.summary import realized
from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.outputs.documents.changes import Comparison
from rtb_optimizer.outputs.documents.explanation import Explanation
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.explain import explain
from rtb_optimizer.store import active_copy, deliveries, entities, history, queries
from rtb_optimizer.store.schema import JsonObject
from rtb_optimizer.web.access import ReadableCode, User, readable
from rtb_optimizer.web.api.answers import ActiveAnswer, DecisionAnswer, DeliveryAnswer, EntityAnswer, RunAnswer
from rtb_optimizer.web.api.etags import is_known, tag_of, without_body
from rtb_optimizer.web.api.parameters import ANY_NAME
from rtb_optimizer.web.sessions import CatalogSession, SnapshotSession

Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number, the newest first.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="Number to skip.")]
RunName = Annotated[str, Query(max_length=200, description="Run id or run code.")]

router = APIRouter()


@router.get("/entities", response_model=list[EntityAnswer])
def list_entities(user: User, session: CatalogSession) -> list[queries.EntityRow]:
    """Every entity that the caller may see, with its active run."""
    rows = queries.entity_rows(session)
    visible = readable(user, [row["entity_code"] for row in rows])
    return [row for row in rows if row["entity_code"] in visible]


@router.head("/entities/{entity_code}/active", include_in_schema=False)
@router.get(
    "/entities/{entity_code}/active",
    response_model=ActiveAnswer,
    responses={304: {"description": "The active run is still the one whose ETag was sent as If-None-Match."}},
)
def active(request: Request, entity_code: ReadableCode, session: SnapshotSession) -> Response:
    """The active run and the location of its outputs, byte for byte as in active.json.

    404 before the first activation: every bid is its default then. Poll it with If-None-Match.
    """
    body = active_copy.content(session, entities.find(session, entity_code))
    if body is None:
        raise NotFound(f"{entity_code} has no active run yet: every bid is its default")
    tag = tag_of(body)
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if is_known(request.headers, tag):
        return Response(status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return without_body(request, Response(body, media_type="application/json", headers=headers))


@router.get("/entities/{entity_code}/deliveries", response_model=list[DeliveryAnswer])
def list_deliveries(entity_code: ReadableCode, session: CatalogSession) -> list[JsonObject]:
    """How each delivery of what is active stands; empty where `export_deliveries` names none."""
    return deliveries.status(session, entities.find(session, entity_code))


@router.get("/entities/{entity_code}/live")
def live(entity_code: ReadableCode, session: CatalogSession) -> RealizedDocument:
    """The results of the active policy: its days by arm, the lift over the holdback, whether bids follow the tables.

    404 while no run is active.
    """
    return realized(session, entities.find(session, entity_code))


@router.get("/entities/{entity_code}/runs", response_model=list[RunAnswer])
def list_runs(
    entity_code: ReadableCode,
    session: CatalogSession,
    status: Literal["running", "succeeded", "failed"] | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[queries.RunRow]:
    """An entity's runs, the newest first; `status` filters them."""
    return queries.run_rows(session, entity_code, limit, status or "", offset)


@router.get("/entities/{entity_code}/decisions", response_model=list[DecisionAnswer])
def list_decisions(
    entity_code: ReadableCode, session: CatalogSession, limit: Limit = 50, offset: Offset = 0
) -> list[history.DecisionRow]:
    """The decisions on an entity's runs, with authors and reasons, the newest first."""
    return history.decision_rows(session, entities.find(session, entity_code), limit, offset)


@router.get("/entities/{entity_code}/diff", response_model_exclude_unset=True)
def diff(
    entity_code: ReadableCode,
    session: CatalogSession,
    before: RunName = "",
    after: RunName = "",
    limit: Annotated[
        int, Query(ge=1, le=10_000, description="Maximum number of rows, the largest changes first.")
    ] = 20,
) -> Comparison:
    """The differences between two runs: by default from the previously active run to the active one.

    A row's `data`, `model`, `config` and `normaliser` are parts of ln(after / before) and add up to it.
    """
    return compare(session, entity_code, before, after, limit)


@router.get("/entities/{entity_code}/explain", response_model_exclude_unset=True, openapi_extra=ANY_NAME)
def explained(request: Request, entity_code: ReadableCode, session: CatalogSession) -> Explanation:
    """The explanation of a bid: the rows of the active table that match a request, and what they are based on."""
    return explain(session, entity_code, dict(request.query_params))
