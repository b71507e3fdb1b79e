"""The page that adds an entity: it looks at logs in S3, and fills in the configuration that fits."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Semaphore
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from pydantic import BaseModel
from pydantic import Field as Limits

from rtb_optimizer.core.config.column_facts import ColumnFacts
from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS
from rtb_optimizer.core.config.key import ConfigKey
from rtb_optimizer.errors import (
    BucketAbsent,
    ConfigInvalid,
    EntityInvalid,
    LogsInvalid,
    LogsMissing,
    RtbOptimizerError,
    TransientError,
)
from rtb_optimizer.operations import inspection
from rtb_optimizer.operations.inspected_logs import InspectedLogs
from rtb_optimizer.operations.inspection import Inspection
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.store import entities, seeds
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.web.access import Editor
from rtb_optimizer.web.entity.config import by_key
from rtb_optimizer.web.forms import PostedByEditor, export_dag_list, redirect
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import CatalogSession

REQUIRED = ("logs_path", "outcome_column", "candidate_features")
"""Keys without a default: the form has them whatever was found."""
TITLES = {WINS.name: "Wins", OUTCOMES.name: "Clicks and conversions"}
SET = "set:"
MAX_TEXT = 4_000
S3_URL = re.compile(r"s3://[^/]+/")
MAX_DIGITS = 18
PATIENCE = 20.0
"""Seconds that a user waits while the logs of another are looked at: it takes memory and a core."""
MAX_SEEN = 60

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
_at_once = Semaphore(1)


class LogsQuery(BaseModel):
    """Where the logs are: s3:// URLs, `logs` of the rows; `columns` are their names where no header has them."""

    logs: str = Limits("", max_length=MAX_TEXT)
    wins: str = Limits("", max_length=MAX_TEXT)
    outcomes: str = Limits("", max_length=MAX_TEXT)
    columns: str = Limits("", max_length=MAX_TEXT)


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column as the page shows it: its role, and examples of its values or their bounds."""

    name: str
    kind: str
    missing: float
    values: int
    seen: str
    role: str


@dataclass(frozen=True, slots=True)
class SeenLogs:
    """Logs as the page shows them."""

    title: str
    logs: InspectedLogs
    columns: Sequence[SeenColumn]


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields of the form."""

    entity_code: str = ""
    entity_name: str = ""
    object_id: str = ""
    object_type: str = "ssp"
    s3_base_path: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A key of the configuration in the form, with the text that stands there."""

    key: str
    text: str
    declared: ConfigKey


@router.get("/new-entity", name="new_entity")
def new_entity(request: Request, _user: Editor, query: Annotated[LogsQuery, Query()]) -> Response:
    """Ask where the logs are; look at them, and show the form for their entity."""
    urls = LogsQuery(**{name: url.strip() for name, url in query.model_dump().items()})
    if not urls.logs:
        return page(request, "entity_new", urls=urls, fields=None, problems=[])
    try:
        found = _looked_at(urls)
    except RtbOptimizerError as problem:
        return _refused(request, urls, problem)
    entity_code = inspection.entity_code_of(urls.logs)
    typed = Typed(entity_code, s3_base_path=inspection.base_path_of(urls.logs, entity_code))
    return _form(request, urls, typed, found.values, found=found)


@router.post("/new-entity", name="add_entity")
def add_entity(request: Request, user: Editor, session: CatalogSession, form: PostedByEditor) -> Response:
    """Add the entity of the form, and show its configuration."""
    typed = Typed(**{name: form.get(name, "").strip() for name in Typed.__dataclass_fields__})
    values = {key.removeprefix(SET): text.strip() for key, text in form.items() if key.startswith(SET)}
    problems = _problems(typed)
    if not problems:
        config = {key: text for key, text in values.items() if text or key not in REQUIRED}
        new = NewEntity(
            typed.entity_code,
            typed.entity_name or typed.entity_code,
            int(typed.object_id),
            typed.object_type,
            typed.s3_base_path,
            config,
        )
        try:
            entities.add(session, new, user.get_name())
        except ConfigInvalid as error:
            problems = [(key, why) for key, whys in by_key(error.violations).items() for why in whys]
        except EntityInvalid as error:
            problems = [("", str(error))]
    if problems:
        session.rollback()
        urls = LogsQuery(**{name: form.get(name, "")[:MAX_TEXT] for name in LogsQuery.model_fields})
        return _form(request, urls, typed, values, problems=problems)
    session.commit()
    return redirect(request, "config", typed.entity_code, "added", late=not export_dag_list(session), only="set")


def _refused(request: Request, urls: LogsQuery, problem: RtbOptimizerError) -> Response:
    """Show the URLs as they were typed, with the problem; the log has it with the address of the store."""
    log.warning("the logs of a new entity cannot be looked at: %s", problem)
    is_wrong = isinstance(problem, LogsInvalid | LogsMissing | BucketAbsent)
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if is_wrong else status.HTTP_503_SERVICE_UNAVAILABLE
    why = fault_of_store(problem, with_address=False)
    return page(request, "entity_new", code, urls=urls, fields=None, problems=[("", why)])


def _looked_at(urls: LogsQuery) -> Inspection:
    """Look at logs, those of one user at a time.

    Raises:
        TransientError: while others are looked at.
        LogsInvalid: as `inspect`, and for what is no URL.
        LogsMissing, StoreFailed, ConnectionMissing, EngineFull: as `inspect`.
    """
    if wrong := [url for url in (urls.logs, urls.wins, urls.outcomes) if url and not S3_URL.match(url)]:
        raise LogsInvalid(f"{wrong[0]!r} is not an s3://bucket/path URL")
    if not _at_once.acquire(timeout=PATIENCE):
        raise TransientError("other logs are being looked at: try again in a moment")
    try:
        return inspection.inspect(urls.logs, urls.outcomes, urls.wins, inspection.column_names(urls.columns))
    finally:
        _at_once.release()


def _problems(typed: Typed) -> list[tuple[str, str]]:
    """Return what the catalog would not say of the form in words."""
    number = typed.object_id
    if number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS:
        return []
    return [("object_id", f"{number!r} is no whole number: the id of the SSP or publisher in your own systems")]


def _form(
    request: Request,
    urls: LogsQuery,
    typed: Typed,
    values: Mapping[str, str],
    problems: Sequence[tuple[str, str]] = (),
    found: Inspection | None = None,
) -> Response:
    declared = {key.key: key for key in seeds.config_keys()}
    shown = dict.fromkeys((*REQUIRED, *values))
    return page(
        request,
        "entity_new",
        status.HTTP_422_UNPROCESSABLE_CONTENT if problems else status.HTTP_200_OK,
        urls=urls,
        seen=_seen(found) if found else [],
        lacks=found.lacks if found else [],
        questions=found.questions if found else [],
        evidence=[(key, found.roles.columns[key], why) for key, why in found.roles.evidence.items()] if found else [],
        typed=typed,
        fields=[Field(key, values.get(key, ""), declared[key]) for key in shown if key in declared],
        problems=problems,
    )


def _seen(found: Inspection) -> list[SeenLogs]:
    seen = [SeenLogs("The logs", found.logs, _columns(found.logs.facts, found.roles_of_columns))]
    for name, title in TITLES.items():
        if events := found.events.get(name):
            roles = {column: key for key, column in events.roles.items()}
            seen.append(SeenLogs(title, events.logs, _columns(events.logs.facts, roles)))
    return seen


def _columns(facts: Iterable[ColumnFacts], roles: Mapping[str, str]) -> list[SeenColumn]:
    return [
        SeenColumn(each.name, each.kind, each.missing, each.values, _values_of(each), roles.get(each.name, ""))
        for each in facts
    ]


def _values_of(each: ColumnFacts) -> str:
    """Return its frequent values where they are few and no numbers, else its bounds."""
    text = ", ".join(each.examples) if each.mean is None and each.examples else f"{each.lowest} to {each.highest}"
    return text if len(text) <= MAX_SEEN else f"{text[: MAX_SEEN - 1]}…"
