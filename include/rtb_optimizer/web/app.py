"""Which pages and calls are there, and how is a refusal told? To a browser as a page, to a program as JSON."""

import logging
from typing import Any

from fastapi import Depends, FastAPI, Request, Response, status
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from rtb_optimizer import __version__, errors
from rtb_optimizer.web import api, assets, compare_page, explain_page
from rtb_optimizer.web.access import signed_in_from_here
from rtb_optimizer.web.entity import activation, config
from rtb_optimizer.web.entity import list as entity_list
from rtb_optimizer.web.entity import page as entity_page
from rtb_optimizer.web.rendering import page, wants_html
from rtb_optimizer.web.run import page as run_page

log = logging.getLogger(__name__)

PAGES = (assets, entity_list, entity_page, activation, config, run_page, compare_page, explain_page)
STATUS = {
    errors.NotFound: status.HTTP_404_NOT_FOUND,
    errors.ConfigInvalid: status.HTTP_422_UNPROCESSABLE_CONTENT,
    errors.WindowInvalid: status.HTTP_422_UNPROCESSABLE_CONTENT,
    errors.ConnectionMissing: status.HTTP_503_SERVICE_UNAVAILABLE,
}
TITLES = {
    status.HTTP_401_UNAUTHORIZED: "Please sign in",
    status.HTTP_403_FORBIDDEN: "Not allowed",
    status.HTTP_404_NOT_FOUND: "Not found",
    status.HTTP_409_CONFLICT: "Not possible now",
    status.HTTP_422_UNPROCESSABLE_CONTENT: "Not valid",
    status.HTTP_503_SERVICE_UNAVAILABLE: "Not reachable",
}


def create_app() -> FastAPI:
    """Return the app that Airflow mounts; FastAPI's own documentation routes are off, since they know no sign-in."""
    app = FastAPI(
        title="RTB Optimizer",
        version=__version__,
        dependencies=[Depends(signed_in_from_here)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for part in (*PAGES, api):
        app.include_router(part.router)
    app.add_api_route("/api/openapi.json", _openapi, include_in_schema=False)
    app.add_exception_handler(errors.RtbOptimizerError, _refused)
    app.add_exception_handler(errors.StoreFailed, _without_objects)
    app.add_exception_handler(StarletteHTTPException, _answered)
    app.add_exception_handler(RequestValidationError, _misspelled)
    app.add_exception_handler(OperationalError, _unreachable)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(UnicodeEncodeError, _unstorable)
    return app


def _openapi(request: Request) -> dict[str, Any]:
    """Describe the API, at whatever prefix Airflow is served."""
    described: FastAPI = request.app
    return described.openapi() | {"servers": [{"url": request.scope.get("root_path", "") or "/"}]}


def _refused(request: Request, problem: Exception) -> Response:
    code = STATUS.get(type(problem), status.HTTP_409_CONFLICT)
    violations = list(problem.violations) if isinstance(problem, errors.ConfigInvalid) else []
    return _told(request, code, str(problem), violations)


def _answered(request: Request, problem: Any) -> Response:  # noqa: ANN401 - Starlette types handlers by Exception
    return _told(request, problem.status_code, str(problem.detail), [], problem.headers)


def _misspelled(request: Request, problem: Any) -> Response:  # noqa: ANN401 - as above
    found = [f"{'.'.join(map(str, error['loc'][1:]))}: {error['msg']}" for error in problem.errors()]
    return _told(request, status.HTTP_422_UNPROCESSABLE_CONTENT, "; ".join(found), found)


def _unreachable(request: Request, problem: Exception) -> Response:
    log.error("the catalog cannot be used", exc_info=problem)
    told = "the catalog cannot be reached: see the log of the api-server"
    return _told(request, status.HTTP_503_SERVICE_UNAVAILABLE, told, [])


def _without_objects(request: Request, problem: Exception) -> Response:
    log.error("S3 cannot be used", exc_info=problem)  # the answer does not name the host
    told = "an object of S3 cannot be read: see the log of the api-server"
    return _told(request, status.HTTP_503_SERVICE_UNAVAILABLE, told, [])


def _unstorable(request: Request, problem: Exception) -> Response:
    log.info("refused", exc_info=problem)
    told = "a value cannot be stored: it has a character that is none (NUL, half of a pair), or a number is too large"
    return _told(request, status.HTTP_422_UNPROCESSABLE_CONTENT, told, [])


def _told(request: Request, code: int, detail: str, violations: list[str], headers: Any = None) -> Response:  # noqa: ANN401 - a mapping or nothing
    if wants_html(request.headers, request.url.path):
        answer: Response = page(request, "refused", code, title=TITLES.get(code, "Refused"), detail=detail)
    else:
        answer = JSONResponse(jsonable_encoder({"detail": detail, "violations": violations}), code)
    answer.headers.update(headers or {})
    return answer


app = create_app()
