"""Serves the static files of the pages, behind the sign-in: a mounted folder would be public."""

from pathlib import Path

from fastapi import APIRouter, HTTPException, status
from fastapi.responses import FileResponse

FOLDER = Path(__file__).parent / "static"
NAMES = {path.name for path in FOLDER.iterdir() if path.is_file()}

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}", name="static")
def static(name: str) -> FileResponse:
    """Return a static file; the name is looked up in a fixed list, so that no path can be built from it."""
    if name not in NAMES:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"no file {name!r}")
    return FileResponse(FOLDER / name, headers={"cache-control": "private, max-age=300"})
