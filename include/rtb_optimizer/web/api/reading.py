"""What can be read of an entity: what its bidders read, its runs and decisions, what changed, and why a bid?"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.status import HTTP_304_NOT_MODIFIED

from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.outputs.documents.changes import Comparison
from rtb_optimizer.outputs.explain import explain
from rtb_optimizer.store import active_copy, entities, history, queries
from rtb_optimizer.web.access import ReadableCode, User, readable
from rtb_optimizer.web.api.answers import ActiveAnswer, DecisionAnswer, EntityAnswer, RunAnswer
from rtb_optimizer.web.api.etags import is_known, tag_of
from rtb_optimizer.web.sessions import Catalog, Snapshot

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most, the newest first.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to skip.")]
RunName = Annotated[str, Query(max_length=200, description="Run id or run code.")]

router = APIRouter()


@router.get("/entities", response_model=list[EntityAnswer])
def list_entities(user: User, session: Catalog) -> list[queries.EntityRow]:
    """Every entity that the caller may see, with its active run."""
    rows = queries.entity_rows(session)
    visible = readable(user, [row["entity_code"] for row in rows])
    return [row for row in rows if row["entity_code"] in visible]


@router.get(
    "/entities/{entity_code}/active",
    response_model=ActiveAnswer,
    responses={304: {"description": "The active run is still the one whose ETag was sent as If-None-Match."}},
)
def active(request: Request, entity_code: ReadableCode, session: Snapshot) -> Response:
    """What bidders read: the active run and where its outputs are, byte for byte as in active.json.

    404 before the first activation: every bid is its default then. Poll it with If-None-Match.
    """
    body = active_copy.content(session, entities.find(session, entity_code))
    if body is None:
        raise NotFound(f"{entity_code} has no active run yet: every bid is its default")
    tag = tag_of(body)
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if is_known(request.headers, tag):
        return Response(status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.get("/entities/{entity_code}/runs", response_model=list[RunAnswer])
def list_runs(
    entity_code: ReadableCode,
    session: Catalog,
    status: Literal["running", "succeeded", "failed"] | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[queries.RunRow]:
    """An entity's runs, the newest first; of one status if asked."""
    return queries.run_rows(session, entity_code, limit, status or "", offset)


@router.get("/entities/{entity_code}/decisions", response_model=list[DecisionAnswer])
def list_decisions(
    entity_code: ReadableCode, session: Catalog, limit: Limit = 50, offset: Offset = 0
) -> list[history.DecisionRow]:
    """What was decided on an entity's runs, by whom and why, the newest first."""
    return history.decision_rows(session, entities.find(session, entity_code), limit, offset)


@router.get("/entities/{entity_code}/diff", response_model_exclude_unset=True)
def diff(
    entity_code: ReadableCode,
    session: Catalog,
    before: RunName = "",
    after: RunName = "",
    limit: Annotated[int, Query(ge=1, le=10_000, description="How many rows, those first that move most.")] = 20,
) -> Comparison:
    """What changed between two runs: by default from the run that was active before to the active one.

    A row's `data`, `model`, `config` and `normaliser` are parts of ln(after / before) and add up to it.
    """
    return compare(session, entity_code, before, after, limit)


@router.get(
    "/entities/{entity_code}/explain",
    openapi_extra={
        "parameters": [
            {
                "name": "features",
                "in": "query",
                "style": "form",
                "explode": True,
                "description": "feature=value of the request, as the logs spell it; one that is not given is missing.",
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ]
    },
)
def explained(request: Request, entity_code: ReadableCode, session: Catalog) -> dict[str, Any]:
    """Why a request is bid what it is: the rows of the active table that match it, and what they stand on."""
    return explain(session, entity_code, dict(request.query_params))
