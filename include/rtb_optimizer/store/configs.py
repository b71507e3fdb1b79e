"""Reads and writes an entity's configuration: the declared keys of its version, and its overrides."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer import __version__
from rtb_optimizer.core.config.key import ConfigKey, ConfigValue, DataType, read_value
from rtb_optimizer.core.config.resolve import Origin, Snapshot, resolve
from rtb_optimizer.core.config.rules import problems
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.core.config.snapshot import RunSnapshot, WhatIf
from rtb_optimizer.core.decision.nearest import nearest_hint
from rtb_optimizer.core.sample.values import SPELLING_VERSION
from rtb_optimizer.errors import ConfigInvalid, NotFound
from rtb_optimizer.store.macros import macro_template_problems
from rtb_optimizer.store.schema import Entity, EntityConfig, EntityConfigChange, VersionConfig
from rtb_optimizer.store.seeds import dialects


def declared_keys(session: Session, version_id: int) -> list[ConfigKey]:
    """Return the keys that a version declares, in the order of their declaration."""
    table = VersionConfig.__table__  # not the class: the session need not keep an object of each of a hundred rows
    rows = session.execute(select(table).where(table.c.version_id == version_id).order_by(table.c.config_id))
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
    """Return a version's typed defaults of the keys that have one: the values of runs older than the key."""
    keys = declared_keys(session, version_id)
    return {key.key: read_value(key, key.default) for key in keys if key.default is not None}


def overrides(session: Session, entity_id: int) -> dict[str, str]:
    """Return an entity's overrides as stored."""
    rows = session.execute(
        select(EntityConfig.config_key, EntityConfig.config_value).where(EntityConfig.entity_id == entity_id)
    )
    return {key: value for key, value in rows}  # noqa: C416 - dict() does not accept the type of rows


def json_value(session: Session, entity: Entity, name: str) -> dict[str, object]:
    """Return an entity's present value of one JSON key, whatever the others are; empty where it is not declared."""
    stored = overrides(session, entity.entity_id).get(name)
    for key in declared_keys(session, entity.current_version_id):
        if key.key == name:
            value = read_value(key, key.default if stored is None else stored)
            return value if isinstance(value, dict) else {}
    return {}


def macro_templates(session: Session, entity: Entity) -> dict[str, object]:
    """Return an entity's own macro templates, by format and feature; empty where its configuration has none."""
    keys = declared_keys(session, entity.current_version_id)
    templates = resolve(keys, overrides(session, entity.entity_id)).values.get("macro_templates")
    return templates if isinstance(templates, dict) else {}


def resolve_for(
    session: Session, entity: Entity, trigger: Mapping[str, object] | None = None, *, form_only: bool = False
) -> Snapshot:
    """Resolve an entity's configuration, the rules between keys included; see `resolve`.

    Raises:
        ConfigInvalid: with every violation.
    """
    keys = declared_keys(session, entity.current_version_id)
    snapshot = resolve(keys, overrides(session, entity.entity_id), trigger, form_only=form_only)
    _require_rules(snapshot.values)
    return snapshot


def resolve_unsaved(session: Session, entity: Entity, values: Mapping[str, str]) -> Snapshot:
    """Resolve an entity's configuration with overrides that are not saved, validated as if they were.

    Raises:
        ConfigInvalid: with every violation, as `set_overrides`.
    """
    keys = declared_keys(session, entity.current_version_id)
    snapshot = resolve(keys, {**overrides(session, entity.entity_id), **values})
    _require_rules(snapshot.values)
    return Snapshot(snapshot.values, {**snapshot.origins, **dict.fromkeys(values, Origin.TRIGGER)})


def frozen(
    session: Session,
    entity: Entity,
    resolved: Snapshot,
    active_run_id: int | None,
    bids: Mapping[str, object] | None,
    what_if: WhatIf | None = None,
) -> RunSnapshot:
    """Return the snapshot of a run of this release, whose bids move from the run `active_run_id`.

    `bids` is what is known of the bids of its rows.
    """
    return RunSnapshot(
        values=resolved.values,
        origins=resolved.origins,
        defaults=defaults(session, entity.current_version_id),
        active_run_id=active_run_id,
        code_version=__version__,
        spelling_version=SPELLING_VERSION,
        bids=bids,
        what_if=what_if,
    )


def set_overrides(session: Session, entity: Entity, values: Mapping[str, str | None], updated_by: str) -> None:
    """Store overrides, or remove those that are None, after validating the resulting configuration as a whole.

    Raises:
        ConfigInvalid: with every violation; nothing is stored.
    """
    stored = overrides(session, entity.entity_id)
    _check(session, entity, {key: value for key, value in {**stored, **values}.items() if value is not None})
    for key, value in values.items():
        if value is None:
            _remove(session, entity, key)
        else:
            _store(session, entity, key, value, updated_by)
        if stored.get(key) != value:
            record_change(session, entity, key, stored.get(key), value, updated_by)


def unset_override(session: Session, entity: Entity, key: str, updated_by: str) -> None:
    """Remove an override, so that the version's default applies again.

    Raises:
        NotFound: when the entity does not override that key.
        ConfigInvalid: when the key is required and has no default, or the other overrides are invalid without it.
    """
    stored = overrides(session, entity.entity_id)
    if key not in stored:
        raise NotFound(f"{entity.entity_code} does not override {key!r}")
    declared = {each.key: each for each in declared_keys(session, entity.current_version_id)}
    if key in declared and declared[key].required and declared[key].default is None:
        raise ConfigInvalid([f"{key}: a value is required and the key has no default; set another value instead"])
    if _is_valid(session, entity, stored):  # an invalid configuration is corrected one key at a time
        _check(session, entity, {name: value for name, value in stored.items() if name != key})
    _remove(session, entity, key)
    record_change(session, entity, key, stored[key], None, updated_by)


def changes(session: Session, entity_id: int, limit: int = 100, offset: int = 0) -> Sequence[EntityConfigChange]:
    """Return the changes of an entity's overrides and status, with their authors, the newest first."""
    query = select(EntityConfigChange).where(EntityConfigChange.entity_id == entity_id)
    return session.scalars(query.order_by(EntityConfigChange.id.desc()).limit(limit).offset(offset)).all()


def record_change(session: Session, entity: Entity, key: str, old: str | None, new: str | None, by: str) -> None:
    """Add a row to the history of an entity's settings; None stands for the default of a key."""
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
    _require_rules(resolve(declared_keys(session, entity.current_version_id), stored).values)


def _require_rules(values: Mapping[str, ConfigValue]) -> None:
    """Raise ConfigInvalid with every broken rule: those between keys, and macro formats that there are not."""
    settings = settings_as_stored(values)
    violations = [*problems(settings), *_unknown_formats(settings), *macro_template_problems(settings.macro_templates)]
    if violations:
        raise ConfigInvalid(violations)


def _unknown_formats(settings: Settings) -> list[str]:
    named = {
        "macro_formats": settings.macro_formats,
        "macro_gap_policies": settings.macro_gap_policies,
        "macro_value_maps": settings.macro_value_maps,
        "macro_templates": settings.macro_templates,
    }
    known = dialects()
    return [
        f"{key}: {name!r} is not one of {', '.join(known)}{nearest_hint(name, known)}"
        for key, names in named.items()
        for name in sorted(names)
        if name not in known
    ]


def _is_valid(session: Session, entity: Entity, stored: Mapping[str, str]) -> bool:
    try:
        _check(session, entity, stored)
    except ConfigInvalid:
        return False
    return True
