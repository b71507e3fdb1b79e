"""The page of an entity's configuration: a form with all values, defaults and limits, validated when it is saved."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.retired import unknown_key
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import configs, entities, queries
from rtb_optimizer.store.queries import ConfigRow
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.access import EditableCode, ReadableCode, User, may_trigger
from rtb_optimizer.web.entity.page import Visit, head
from rtb_optimizer.web.forms import Posted, export_dag_list, redirect
from rtb_optimizer.web.rendering import page
from rtb_optimizer.web.sessions import CatalogSession

VIOLATION = re.compile(r"(?P<key>\w+)(?: \(\w+\))?: (?P<why>.*)", re.DOTALL)
LONG = ("list", "json")

router = APIRouter(include_in_schema=False)


class _Field(ConfigRow):
    typed: str
    is_long: bool
    why: list[str]


class ConfigQuery(BaseModel):
    """The parameters of the page.

    `notice` names a message, `tried` a what-if run whose values are filled in, `q` a search, `only` is `set`
    for the keys that are set for the entity; `saved` are the keys that were saved last, by commas.
    """

    notice: str = ""
    tried: int | None = Field(None, ge=1, lt=2**63)
    q: str = ""
    only: str = ""
    saved: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which keys the page shows: those that hold all words of a search, and those that are set for the entity.

    The sections of the keys that were `saved` last stay unfolded.
    """

    words: str = ""
    set_alone: bool = False
    saved: Collection[str] = ()

    def shows(self, row: ConfigRow) -> bool:
        """Return whether a key is shown; words are looked for in its name, title, section, help and value."""
        text = " ".join((row["key"], row["title"], row["section"], row["description"], row["text"] or "")).casefold()
        is_set = row["origin"] == "entity" or not self.set_alone
        return is_set and all(word in text for word in self.words.casefold().split())

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return bool(self.words.split()) or self.set_alone


EVERYTHING = Shown()


@router.get("/entities/{entity_code}/config", name="config")
def config_page(
    request: Request,
    entity_code: ReadableCode,
    user: User,
    session: CatalogSession,
    query: Annotated[ConfigQuery, Query()],
) -> Response:
    """Show the keys by section."""
    entity = entities.find(session, entity_code)
    tried = _what_if_run(session, entity, query.tried)
    shown = Shown(query.q, query.only == "set", frozenset(query.saved.split(",")))
    return form_page(Visit(request, session, user, entity), notice=query.notice, tried=tried, shown=shown)


@router.post("/entities/{entity_code}/config", name="set_config")
def save(request: Request, entity_code: EditableCode, user: User, session: CatalogSession, form: Posted) -> Response:
    """Store the values that were changed in the form: all of them, or none when one is invalid."""
    entity = entities.find(session, entity_code, lock=True)
    rows = queries.config_rows(session, entity)
    values, problems = changed_values(rows, form), conflicts(rows, form)
    if not values and not problems:
        return redirect(request, "config", entity_code, "unchanged")
    if not problems:
        try:
            configs.set_overrides(session, entity, values, user.get_name())
        except ConfigInvalid as error:
            problems = by_key(error.violations)
    if problems:
        session.rollback()
        return form_page(Visit(request, session, user, entity), values=values, problems=problems)
    return _saved(request, session, entity_code, "saved", values)


@router.post("/entities/{entity_code}/config/{config_key}/unset", name="unset_config")
def unset(
    request: Request, entity_code: EditableCode, config_key: str, user: User, session: CatalogSession
) -> Response:
    """Set a key back to its default."""
    entity = entities.find(session, entity_code, lock=True)
    try:
        configs.unset_override(session, entity, config_key, user.get_name())
    except ConfigInvalid as error:
        session.rollback()
        return form_page(Visit(request, session, user, entity), problems=by_key(error.violations))
    return _saved(request, session, entity_code, "unset", [config_key])


def changed_values(rows: Iterable[ConfigRow], form: Mapping[str, str]) -> dict[str, str]:
    """Return the values that differ from those the form was rendered with: the others stay as stored."""
    fields = {row["key"]: (form.get(f"value:{row['key']}"), form.get(f"was:{row['key']}")) for row in rows}
    return {key: value for key, (value, was) in fields.items() if value is not None and value != was}


def conflicts(rows: Iterable[ConfigRow], form: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by key, a message for each value that another user, or an update, changed after the form was rendered."""
    rows = list(rows)
    values, known = changed_values(rows, form), {row["key"] for row in rows}
    sent = {name.removeprefix("value:"): text for name, text in form.items() if name.startswith("value:")}
    return {
        key: [unknown_key(key, known)]
        for key, text in sent.items()
        if key not in known and text != form.get(f"was:{key}")
    } | {
        row["key"]: [f"{row['updated_by'] or 'another user'} has changed this value: save again to overwrite it"]
        for row in rows
        if row["key"] in values and form.get(f"was:{row['key']}", "") != _text(row)
    }


def by_key(violations: Iterable[str]) -> dict[str, list[str]]:
    """Return the problems by key; those of no single key have an empty key."""
    problems: dict[str, list[str]] = {}
    for violation in violations:
        match = VIOLATION.fullmatch(violation)
        key, why = (match["key"], match["why"]) if match else ("", violation)
        problems.setdefault(key, []).append(why)
    return problems


def _saved(request: Request, session: Session, entity_code: str, notice: str, keys: Iterable[str]) -> Response:
    session.commit()
    is_late = not export_dag_list(session)
    return redirect(request, "config", entity_code, notice, late=is_late, saved=",".join(sorted(keys)))


def form_page(
    visit: Visit,
    *,
    notice: str = "",
    values: Mapping[str, str] | None = None,
    problems: Mapping[str, list[str]] | None = None,
    tried: Run | None = None,
    shown: Shown = EVERYTHING,
) -> Response:
    """Return the page; `values` are those of the form that were not saved, or those of the what-if run `tried`."""
    what_if = RunSnapshot.read(tried.config_snapshot).what_if if tried else None
    values = what_if.overrides if what_if else values
    values, problems = values or {}, problems or {}
    rows = [_field(row, values, problems) for row in queries.config_rows(visit.session, visit.entity)]
    keys = {row["key"] for row in rows}
    return page(
        visit.request,
        "entity_config",
        status.HTTP_422_UNPROCESSABLE_CONTENT if problems else status.HTTP_200_OK,
        **head(visit, notice),
        sections=_by_section(row for row in rows if shown.shows(row)),
        shown=shown,
        unfolded=keys if shown else {*values, *problems, *shown.saved},
        overridden=sum(row["origin"] == "entity" for row in rows),
        problems=[(key, why) for key, whys in problems.items() for why in whys],
        keys=keys,
        may_try=may_trigger(visit.user, visit.entity.entity_code),
        tried=tried,
        untried=[(key, text, unknown_key(key, keys)) for key, text in values.items() if tried and key not in keys],
    )


def _what_if_run(session: Session, entity: Entity, run_id: int | None) -> Run | None:
    run = None if run_id is None else session.get(Run, run_id)
    return run if run is not None and run.is_sandbox and run.entity_id == entity.entity_id else None


def _by_section(rows: Iterable[_Field]) -> list[tuple[str, list[_Field]]]:
    """Return the keys of each section, in the order of their declaration."""
    sections: dict[str, list[_Field]] = {}
    for row in rows:
        sections.setdefault(row["section"], []).append(row)
    return list(sections.items())


def _field(row: ConfigRow, values: Mapping[str, str], problems: Mapping[str, list[str]]) -> _Field:
    """Return a key as the form shows it: `typed` is the submitted text, else the stored one."""
    choices = ["true", "false"] if row["type"] == "boolean" else list(row["choices"])
    text = _text(row)
    if choices and text not in choices:
        choices = [text, *choices]
    is_long = row["type"] in LONG or "\n" in text
    typed = values.get(row["key"], text)
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
