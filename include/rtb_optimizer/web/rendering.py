"""Renders a page: a template, every value escaped, figures formatted as in the report."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from rtb_optimizer.outputs.report_page import formatting
from rtb_optimizer.web.navigation import PREFIX

TEMPLATES = Path(__file__).parent / "templates"
# No content of other origins, no inline scripts, and no framing by other sites.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # the write check falls back to the Referer; other sites see no run's address
}
PageContent = dict[str, object]
"""The variables of a template by name."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SPARKLINE_WIDTH, SPARKLINE_HEIGHT, SPARKLINE_PAD = 120, 26, 3


def page(request: Request, template: str, status_code: int = 200, /, **content: object) -> HTMLResponse:
    """Render a template of this folder."""
    body = _templates().get_template(f"{template}.html.jinja").render(request=request, **content)
    return HTMLResponse(body, status_code, dict(HEADERS))


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "formatted": formatting.formatted,
        "instant": instant,
        "ago": ago,
        "lasting": lasting,
        "sparkline": sparkline,
    }
    environment.tests["share"] = formatting.is_share
    environment.globals |= {"address": _address, "airflow": _airflow}
    return environment


def address_of(request: Request, route: str, query: Mapping[str, object] | None = None, **path: object) -> str:
    """Return the path of a route, with the prefix that Airflow is served at and without a host.

    The route is resolved by this app: `request.url_for` uses the outermost router, which does not know its routes.
    """
    root: str = request.scope.get("root_path", "")
    url = root.rstrip("/") + request.app.url_path_for(route, **path)
    parameters = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return f"{url}?{urlencode(parameters)}" if parameters else str(url)


@pass_context
def _address(context: Context, route: str, query: Mapping[str, object] | None = None, **path: object) -> str:
    return address_of(context["request"], route, query, **path)


@pass_context
def _airflow(context: Context, path: str) -> str:
    """Return the path of a page of Airflow, with the prefix that it is served at."""
    root: str = context["request"].scope.get("root_path", "")
    return root.removesuffix(PREFIX) + path


def instant(value: datetime | None) -> str:
    """Return an instant to the minute, in UTC."""
    return formatting.UNKNOWN if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(value: datetime | None, now: datetime) -> str:
    """Return a time relative to now in one unit: `3 h ago`, `in 12 min`."""
    if value is None:
        return formatting.UNKNOWN
    distance = lasting(abs(now - value))
    return f"{distance} ago" if value <= now else f"in {distance}"


def lasting(duration: timedelta) -> str:
    """Return a duration in one unit: `3 h`, `12 min`, `40 s`."""
    if duration < MINUTE:
        return f"{int(duration / timedelta(seconds=1))} s"
    if duration < HOUR:
        return f"{int(duration / MINUTE)} min"
    return f"{int(duration / HOUR)} h" if duration < 2 * DAY else f"{duration.days} days"


def sparkline(values: list[float | None], label: str) -> Markup:
    """Return a small line chart of values in order; None is left out."""
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    low, high = min(known), max(known)
    step = (SPARKLINE_WIDTH - 2 * SPARKLINE_PAD) / max(len(values) - 1, 1)

    def place(number: int, value: float) -> tuple[float, float]:
        part = (value - low) / (high - low) if high > low else 0.5
        return SPARKLINE_PAD + number * step, SPARKLINE_HEIGHT - SPARKLINE_PAD - part * (
            SPARKLINE_HEIGHT - 2 * SPARKLINE_PAD
        )

    points = [place(number, value) for number, value in enumerate(values) if value is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(
        '<svg class="sparkline" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<polyline points="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="2.2"/></svg>'
    ).format(label, SPARKLINE_WIDTH, SPARKLINE_HEIGHT, SPARKLINE_WIDTH, SPARKLINE_HEIGHT, path, *points[-1])


def _visible(value: object) -> object:
    return formatting.visible(value) if type(value) is str else value


def wants_html(headers: Mapping[str, str], path: str) -> bool:
    """Whether the caller is a browser that accepts HTML, and the path not one of the API."""
    return "text/html" in headers.get("accept", "") and "/api/" not in path
