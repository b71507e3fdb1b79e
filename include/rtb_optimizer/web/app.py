"""The FastAPI app with all routes, and its error responses: a page for a browser, JSON for a program."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI, Request, Response, status
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from rtb_optimizer import __version__, errors
from rtb_optimizer.web import api, assets, compare_page, explain_page
from rtb_optimizer.web.access import require_user_and_origin
from rtb_optimizer.web.entity import activation, challenger, config, new, trends, what_if
from rtb_optimizer.web.entity import list as entity_list
from rtb_optimizer.web.entity import live as entity_live
from rtb_optimizer.web.entity import page as entity_page
from rtb_optimizer.web.rendering import page, wants_html
from rtb_optimizer.web.run import page as run_page

log = logging.getLogger(__name__)

PAGES = (
    *(assets, entity_list, new, entity_page, entity_live, trends, activation, challenger, config, what_if),
    *(run_page, compare_page, explain_page),
)
STATUS = {
    errors.NotFound: status.HTTP_404_NOT_FOUND,
    errors.ConfigInvalid: status.HTTP_422_UNPROCESSABLE_CONTENT,
    errors.WindowInvalid: status.HTTP_422_UNPROCESSABLE_CONTENT,
    errors.ConnectionMissing: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.CatalogBusy: status.HTTP_503_SERVICE_UNAVAILABLE,
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
    """Return the app that Airflow mounts, without FastAPI's documentation routes, which need no sign-in."""
    app = FastAPI(
        title="RTB Optimizer",
        version=__version__,
        dependencies=[Depends(require_user_and_origin)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for part in (*PAGES, api):
        app.include_router(part.router)
    app.add_api_route("/api/openapi.json", _openapi, include_in_schema=False)
    app.add_exception_handler(errors.RtbOptimizerError, _product_error)
    app.add_exception_handler(errors.StoreFailed, _store_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(OperationalError, _catalog_error)
    app.add_exception_handler(DataError, _value_error)
    app.add_exception_handler(UnicodeEncodeError, _value_error)
    return app


def _openapi(request: Request) -> dict[str, object]:
    """Return the OpenAPI document, with the prefix that Airflow is served at."""
    mounted: FastAPI = request.app
    return mounted.openapi() | {"servers": [{"url": request.scope.get("root_path", "") or "/"}]}


def _product_error(request: Request, problem: Exception) -> Response:
    code = STATUS.get(type(problem), status.HTTP_409_CONFLICT)
    violations = list(problem.violations) if isinstance(problem, errors.ConfigInvalid) else []
    return error_response(request, code, str(problem), violations)


def _http_error(request: Request, problem: Any) -> Response:  # noqa: ANN401 - Starlette types handlers by Exception
    return error_response(request, problem.status_code, str(problem.detail), [], problem.headers)


def _validation_error(request: Request, problem: Any) -> Response:  # noqa: ANN401 - as above
    places = ([str(part) for part in error["loc"]] for error in problem.errors())
    named = (".".join(place[1:]) or place[0] for place in places)  # the whole body has no name within it
    violations = [f"{name}: {error['msg']}" for name, error in zip(named, problem.errors(), strict=True)]
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, "; ".join(violations), violations)


def _catalog_error(request: Request, problem: Exception) -> Response:
    log.error("the catalog cannot be used", exc_info=problem)
    detail = "the catalog cannot be reached: see the log of the api-server"
    return error_response(request, status.HTTP_503_SERVICE_UNAVAILABLE, detail, [])


def _store_error(request: Request, problem: Exception) -> Response:
    log.error("S3 cannot be used", exc_info=problem)  # the response does not name the host
    detail = "an object in S3 cannot be read: see the log of the api-server"
    return error_response(request, status.HTTP_503_SERVICE_UNAVAILABLE, detail, [])


def _value_error(request: Request, problem: Exception) -> Response:
    log.info("value refused", exc_info=problem)
    detail = (
        "a value cannot be stored: it contains an invalid character (NUL, a lone surrogate), or a number is too large"
    )
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, detail, [])


def error_response(
    request: Request, code: int, detail: str, violations: list[str], headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error as a page for a browser, as JSON for a program."""
    if wants_html(request.headers, request.url.path):
        response: Response = page(request, "error", code, title=TITLES.get(code, "Refused"), detail=detail)
    else:
        response = JSONResponse(jsonable_encoder({"detail": detail, "violations": violations}), code)
    response.headers.update(headers or {})
    return response


app = create_app()
