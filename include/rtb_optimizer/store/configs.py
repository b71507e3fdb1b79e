"""What is an entity configured to do? The declared keys of its version and its overrides."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigKey, ConfigValue, DataType, read_value
from rtb_optimizer.core.config.resolve import Snapshot, resolve
from rtb_optimizer.core.config.settings import settings_of
from rtb_optimizer.errors import ConfigInvalid, NotFound
from rtb_optimizer.store.schema import Entity, EntityConfig, EntityConfigChange, VersionConfig


def declared_keys(session: Session, version_id: int) -> list[ConfigKey]:
    """Return the keys that a version declares, in the order of their declaration."""
    rows = session.scalars(
        select(VersionConfig).where(VersionConfig.version_id == version_id).order_by(VersionConfig.config_id)
    )
    return [
        ConfigKey(
            key=row.config_key,
            data_type=DataType(row.data_type),
            default=row.default_value,
            minimum=row.min_value,
            maximum=row.max_value,
            required=row.is_required,
            choices=tuple(row.allowed_values),
            section=row.config_section,
            display_name=row.display_name,
            description=row.description,
            ui_visible=row.is_ui_visible,
        )
        for row in rows
    ]


def defaults(session: Session, version_id: int) -> dict[str, ConfigValue]:
    """Return a version's typed defaults, of the keys that have one: what a run from before a key was declared used."""
    keys = declared_keys(session, version_id)
    return {key.key: read_value(key, key.default) for key in keys if key.default is not None}


def overrides(session: Session, entity_id: int) -> dict[str, str]:
    """Return an entity's overrides as stored."""
    rows = session.execute(
        select(EntityConfig.config_key, EntityConfig.config_value).where(EntityConfig.entity_id == entity_id)
    )
    return {key: value for key, value in rows}  # noqa: C416 - rows are no pairs to dict()'s type


def resolve_for(session: Session, entity: Entity, trigger: Mapping[str, object] | None = None) -> Snapshot:
    """Resolve an entity's configuration, the rules between keys included.

    Raises:
        ConfigInvalid: with every violation.
    """
    keys = declared_keys(session, entity.current_version_id)
    snapshot = resolve(keys, overrides(session, entity.entity_id), trigger)
    settings_of(snapshot.values)
    return snapshot


def set_overrides(session: Session, entity: Entity, values: Mapping[str, str | None], updated_by: str) -> None:
    """Store overrides, or remove those that are None, after the configuration that results was checked as a whole.

    Raises:
        ConfigInvalid: with every violation; nothing is stored.
    """
    before = overrides(session, entity.entity_id)
    _check(session, entity, {key: value for key, value in {**before, **values}.items() if value is not None})
    for key, value in values.items():
        if value is None:
            _remove(session, entity, key)
        else:
            _store(session, entity, key, value, updated_by)
        if before.get(key) != value:
            remember(session, entity, key, before.get(key), value, updated_by)


def unset_override(session: Session, entity: Entity, key: str, updated_by: str) -> None:
    """Remove an override, so that the version's default holds again.

    Raises:
        NotFound: when the entity does not override that key.
        ConfigInvalid: when the key is required and has no default, or other overrides do not go with it.
    """
    before = overrides(session, entity.entity_id)
    if key not in before:
        raise NotFound(f"{entity.entity_code} does not override {key!r}")
    declared = {each.key: each for each in declared_keys(session, entity.current_version_id)}
    if key in declared and declared[key].required and declared[key].default is None:
        raise ConfigInvalid([f"{key}: a value is required and there is no default: set another one instead"])
    if _is_valid(session, entity, before):  # one that is not is mended a key at a time
        _check(session, entity, {name: value for name, value in before.items() if name != key})
    _remove(session, entity, key)
    remember(session, entity, key, before[key], None, updated_by)


def changes(session: Session, entity_id: int, limit: int = 100, offset: int = 0) -> Sequence[EntityConfigChange]:
    """Return who changed which override of an entity, or its status, the newest first."""
    own = select(EntityConfigChange).where(EntityConfigChange.entity_id == entity_id)
    return session.scalars(own.order_by(EntityConfigChange.id.desc()).limit(limit).offset(offset)).all()


def remember(session: Session, entity: Entity, key: str, old: str | None, new: str | None, by: str) -> None:
    """Add a line to the history of what people set of an entity; None is the default of a key."""
    session.add(
        EntityConfigChange(entity_id=entity.entity_id, config_key=key, old_value=old, new_value=new, changed_by=by)
    )


def _store(session: Session, entity: Entity, key: str, value: str, by: str) -> None:
    row = insert(EntityConfig).values(entity_id=entity.entity_id, config_key=key, config_value=value, updated_by=by)
    changed = {"config_value": value, "updated_by": by, "updated_at": row.excluded.updated_at}
    session.execute(row.on_conflict_do_update(index_elements=["entity_id", "config_key"], set_=changed))


def _remove(session: Session, entity: Entity, key: str) -> None:
    where = EntityConfig.entity_id == entity.entity_id, EntityConfig.config_key == key
    session.execute(delete(EntityConfig).where(*where))


def _check(session: Session, entity: Entity, stored: Mapping[str, str]) -> None:
    settings_of(resolve(declared_keys(session, entity.current_version_id), stored).values)


def _is_valid(session: Session, entity: Entity, stored: Mapping[str, str]) -> bool:
    try:
        _check(session, entity, stored)
    except ConfigInvalid:
        return False
    return True
