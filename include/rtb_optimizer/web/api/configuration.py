"""The configuration of an entity: reading, atomic changes, and the history of changes."""

import json

from fastapi import APIRouter

from rtb_optimizer.store import configs, entities, queries
from rtb_optimizer.web.access import EditableCode, ReadableCode, User
from rtb_optimizer.web.api.answers import ConfigAnswer, ConfigChangeAnswer, Value
from rtb_optimizer.web.api.reading import Limit, Offset
from rtb_optimizer.web.forms import export_dag_list
from rtb_optimizer.web.sessions import CatalogSession

router = APIRouter()


@router.get("/entities/{entity_code}/config", response_model=list[ConfigAnswer])
def read_config(entity_code: ReadableCode, session: CatalogSession) -> list[queries.ConfigRow]:
    """Every key with its value, the origin of the value, and its limits."""
    return queries.config_rows(session, entities.find(session, entity_code))


@router.patch("/entities/{entity_code}/config", response_model=list[ConfigAnswer])
def change_config(
    entity_code: EditableCode, user: User, session: CatalogSession, values: dict[str, Value]
) -> list[queries.ConfigRow]:
    """Set keys, where null sets a key back to its default; the others stay. The resulting configuration is validated.

    A value is a JSON value or its text. The next run uses it. 422 when a value is not valid: then none is stored.
    """
    entity = entities.find(session, entity_code, lock=True)
    configs.set_overrides(session, entity, {key: _text(value) for key, value in values.items()}, user.get_name())
    session.commit()
    export_dag_list(session)
    return queries.config_rows(session, entity)


@router.get("/entities/{entity_code}/config/changes", response_model=list[ConfigChangeAnswer])
def list_changes(
    entity_code: ReadableCode, session: CatalogSession, limit: Limit = 50, offset: Offset = 0
) -> list[queries.ConfigChangeRow]:
    """The changes of keys with their authors, the newest first."""
    return queries.config_change_rows(session, entities.find(session, entity_code), limit, offset)


def _text(value: Value) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
