"""The details of a run, and the download of its outputs from S3 with the permissions of the caller."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response, status
from fastapi.responses import StreamingResponse

from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.spreadsheet import without_formulas
from rtb_optimizer.store import queries, runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Entity, Run, RunOutput
from rtb_optimizer.web.access import User, may
from rtb_optimizer.web.api.answers import CONFLICT, RunDetails
from rtb_optimizer.web.api.etags import is_known, quoted, without_body
from rtb_optimizer.web.sessions import CatalogSession

MEDIA_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
BYTES, ANY_JSON = {"type": "string", "format": "binary"}, dict[str, str]()
"""The schemas of a download: an object as it was written, which is any document where it is JSON."""
# An HTML output must not run with the rights of the pages.
SAFE_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "referrer-policy": "no-referrer",
}

router = APIRouter()


def readable_run(run_id: Annotated[int, Path(ge=1, lt=2**63)], user: User, session: CatalogSession) -> Run:
    """Return a run that the caller may see; for others it is not found, so that its id reveals nothing."""
    run = runs.find(session, run_id)
    if not may(user, "GET", session.get_one(Entity, run.entity_id).entity_code):
        raise NotFound(f"no run {run_id!r}: `python -m rtb_optimizer runs list` shows the runs")
    return run


ReadableRun = Annotated[Run, Depends(readable_run)]


@router.get("/runs/{run_id}", response_model=RunDetails)  # noqa: FAST003 - readable_run takes it
def run_details(run: ReadableRun, session: CatalogSession) -> queries.RunDetails:
    """Everything the catalog records about a run: features, macros, outputs, decisions, configuration."""
    return queries.run_details(session, run)


@router.head("/runs/{run_id}/outputs/{output_type}", include_in_schema=False)  # noqa: FAST003 - as above
@router.get(
    "/runs/{run_id}/outputs/{output_type}",
    name="output",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The object; its sha256 is the ETag.",
            "content": {
                media_type.partition(";")[0]: {"schema": ANY_JSON if media_type == "application/json" else BYTES}
                for media_type in MEDIA_TYPES.values()
            },
        },
        304: {"description": "The object is the one whose ETag was sent as If-None-Match."},
        **CONFLICT,
    },
)
def download(
    request: Request, run: ReadableRun, output_type: str, session: CatalogSession, *, spreadsheet: bool = False
) -> Response:
    """Download an output of a run, as it was written. The name is looked up in the catalog, never used for an S3 key.

    With `spreadsheet` a CSV file is made safe to open in one: cells that it would take for formulas get an apostrophe.
    That is another content, without an ETag.
    """
    row = _listed(session, run, output_type)
    is_safe_csv = spreadsheet and row.s3_key.endswith(".csv")
    session.close()  # a download may take long, and the catalog has few connections
    headers = {"etag": quoted(row.sha256), "cache-control": "private, no-cache", **SAFE_HEADERS}
    if not is_safe_csv and is_known(request.headers, headers["etag"]):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    stream = ObjectStore.of(f"s3://{row.s3_bucket}").stream(row.s3_key)
    output = f"{output_type} of run {run.run_code} at s3://{row.s3_bucket}/{row.s3_key}"
    if stream is None:
        raise NotFound(f"{output} is gone")
    byte_size, chunks = stream
    if byte_size != row.byte_size:
        raise HTTPException(status.HTTP_409_CONFLICT, f"{output} is not what was written")
    name = row.s3_key.rpartition("/")[2]
    if is_safe_csv:
        headers = {**SAFE_HEADERS, "cache-control": "no-store"}
        headers |= {"content-disposition": f'attachment; filename="{run.run_code}-spreadsheet-{name}"'}
        safe = StreamingResponse(without_formulas(chunks), headers=headers, media_type=MEDIA_TYPES["csv"])
        return without_body(request, safe)
    headers |= {
        "content-length": str(byte_size),
        "content-disposition": f'attachment; filename="{run.run_code}-{name}"',
    }
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2])
    return without_body(request, StreamingResponse(chunks, headers=headers, media_type=media_type))


def _listed(session: CatalogSession, run: Run, output_type: str) -> RunOutput:
    listed = {row.output_type: row for row in runs.outputs(session, run.run_id)}
    if output_type not in listed:
        raise NotFound(
            f"run {run.run_code} has no output {output_type!r}; it has: {', '.join(sorted(listed)) or 'none'}"
        )
    return listed[output_type]
