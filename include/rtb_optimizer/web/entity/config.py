"""The page of an entity's configuration: what holds, what is overridden, and is a new value any good?"""

import re
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request, Response, status
from sqlalchemy.orm import Session

from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import configs, entities, queries
from rtb_optimizer.store.queries import ConfigRow
from rtb_optimizer.store.schema import Entity
from rtb_optimizer.web.access import EditableCode, ReadableCode, User
from rtb_optimizer.web.entity.page import standing
from rtb_optimizer.web.forms import Posted, airflow_knows, then
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import Catalog

VIOLATION = re.compile(r"(?P<key>\w+)(?: \(\w+\))?: (?P<why>.*)", re.DOTALL)
LONG = ("list", "json")

router = APIRouter(include_in_schema=False)


class _Field(ConfigRow):
    typed: str
    is_long: bool
    why: list[str]


@router.get("/entities/{entity_code}/config", name="config")
def config_page(request: Request, entity_code: ReadableCode, user: User, session: Catalog, told: str = "") -> Response:
    """Show every key by section."""
    return _shown(request, session, user, entities.find(session, entity_code), told=told)


@router.post("/entities/{entity_code}/config", name="set_config")
def save(request: Request, entity_code: EditableCode, user: User, session: Catalog, form: Posted) -> Response:
    """Store the values of a form that were changed in it: all of them, or none when one is wrong."""
    entity = entities.find(session, entity_code, lock=True)
    rows = queries.config_rows(session, entity)
    given, problems = changed(rows, form), overtaken(rows, form)
    if not given:
        return then(request, "config", entity_code, "unchanged")
    if not problems:
        try:
            configs.set_overrides(session, entity, given, user.get_name())
        except ConfigInvalid as problem:
            problems = by_key(problem.violations)
    if problems:
        session.rollback()
        return _shown(request, session, user, entity, given=given, problems=problems)
    return _saved(request, session, entity_code, "saved")


@router.post("/entities/{entity_code}/config/{config_key}/unset", name="unset_config")
def unset(request: Request, entity_code: EditableCode, config_key: str, user: User, session: Catalog) -> Response:
    """Let the default of a key hold again."""
    entity = entities.find(session, entity_code, lock=True)
    try:
        configs.unset_override(session, entity, config_key, user.get_name())
    except ConfigInvalid as problem:
        session.rollback()
        return _shown(request, session, user, entity, problems=by_key(problem.violations))
    return _saved(request, session, entity_code, "unset")


def changed(rows: Iterable[ConfigRow], form: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a form that are not what it was opened with: the others stay as they are stored."""
    fields = {row["key"]: (form.get(f"value:{row['key']}"), form.get(f"was:{row['key']}")) for row in rows}
    return {key: value for key, (value, was) in fields.items() if value is not None and value != was}


def overtaken(rows: Iterable[ConfigRow], form: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by key, who has changed a value between the opening of the form and its being sent."""
    given = changed(rows, form)
    return {
        row["key"]: [f"{row['updated_by'] or 'somebody'} has set this meanwhile: save again to set yours over it"]
        for row in rows
        if row["key"] in given and form.get(f"was:{row['key']}", "") != _text(row)
    }


def by_key(violations: Iterable[str]) -> dict[str, list[str]]:
    """Return what is wrong by the key that it is told of; what is told of none stands under an empty key."""
    found: dict[str, list[str]] = {}
    for violation in violations:
        match = VIOLATION.fullmatch(violation)
        key, why = (match["key"], match["why"]) if match else ("", violation)
        found.setdefault(key, []).append(why)
    return found


def _saved(request: Request, session: Session, entity_code: str, word: str) -> Response:
    session.commit()
    return then(request, "config", entity_code, word, late=not airflow_knows(session))


def _shown(  # noqa: PLR0913 - whose, for whom, and what became of the first try
    request: Request,
    session: Session,
    user: User,
    entity: Entity,
    *,
    told: str = "",
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, list[str]] | None = None,
) -> Response:
    rows = [_field(row, given or {}, problems or {}) for row in queries.config_rows(session, entity)]
    keys = {row["key"] for row in rows}
    return page(
        request,
        "entity_config",
        status.HTTP_422_UNPROCESSABLE_CONTENT if problems else status.HTTP_200_OK,
        **standing(session, entity, user, told),
        sections=_by_section(rows),
        overridden=sum(row["origin"] == "entity" for row in rows),
        problems=[(key, why) for key, whys in (problems or {}).items() for why in whys],
        keys=keys,
    )


def _by_section(rows: Iterable[_Field]) -> list[tuple[str, list[_Field]]]:
    """Return the keys of each section, in the order in which they were declared first."""
    found: dict[str, list[_Field]] = {}
    for row in rows:
        found.setdefault(row["section"], []).append(row)
    return list(found.items())


def _field(row: ConfigRow, given: Mapping[str, str], problems: Mapping[str, list[str]]) -> _Field:
    """Return a key as the form shows it: `typed` is what its reader wrote, else what is stored."""
    choices = ["true", "false"] if row["type"] == "boolean" else list(row["choices"])
    text = _text(row)
    if choices and text not in choices:
        choices = [text, *choices]
    is_long = row["type"] in LONG or "\n" in text
    typed = given.get(row["key"], text)
    return {
        **row,
        "text": text,
        "typed": typed,
        "choices": choices,
        "is_long": is_long,
        "why": problems.get(row["key"], []),
    }


def _text(row: ConfigRow) -> str:
    return (row["text"] or "").replace("\r\n", "\n")
