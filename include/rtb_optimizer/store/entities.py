"""Adds, finds, pauses and removes entities."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rtb_optimizer.errors import EntityInvalid, NotFound
from rtb_optimizer.store import configs, locks
from rtb_optimizer.store.schema import ENTITY_CODE_PATTERN, S3_PATH_PATTERN, Entity, Optimizer, Version
from rtb_optimizer.store.seeds import OPT_CODE

STATUS = "status"
"""The key under which a status change is recorded in the history of config keys."""


@dataclass(frozen=True, slots=True)
class NewEntity:
    """The properties of a new entity; `config` holds its overrides."""

    entity_code: str
    entity_name: str
    object_id: int
    object_type: str
    s3_base_path: str
    config: Mapping[str, str]


def add(session: Session, new: NewEntity, updated_by: str, version_code: str | None = None) -> Entity:
    """Validate and add an entity with its configuration, under the newest active version or `version_code`.

    Raises:
        EntityInvalid: when the code or the path is invalid, the entity exists, or another has the path.
        ConfigInvalid: with every violation.
    """
    _check(new)
    path = new.s3_base_path.rstrip("/")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("rtb_optimizer.base_paths"))))
    optimizer = session.scalars(select(Optimizer).where(Optimizer.opt_code == OPT_CODE)).one_or_none()
    if optimizer is None:
        raise NotFound(f"no optimizer {OPT_CODE!r}: run `python -m rtb_optimizer seed` first")
    if session.scalar(select(Entity.entity_id).where(Entity.entity_code == new.entity_code)):
        raise EntityInvalid(f"entity {new.entity_code!r} already exists; `entities resume` restores a removed one")
    _require_alone(session, path)
    entity = Entity(
        opt_id=optimizer.opt_id,
        entity_code=new.entity_code,
        entity_name=new.entity_name,
        object_id=new.object_id,
        object_type=new.object_type,
        current_version_id=_version(session, optimizer, version_code).version_id,
        s3_base_path=path,
    )
    session.add(entity)
    try:
        session.flush()
    except IntegrityError as problem:  # another program adds the same at once
        raise EntityInvalid(
            f"entity {new.entity_code!r} already exists, or another has s3_base_path {path!r}: it was just added"
        ) from problem
    configs.set_overrides(session, entity, new.config, updated_by)
    return entity


def find(session: Session, entity_code: str, *, lock: bool = False) -> Entity:
    """Return the entity of that code; with `lock`, lock its row for this transaction.

    Raises:
        NotFound: listing existing codes.
        CatalogBusy: when another session holds the lock for too long.
    """
    query = select(Entity).where(Entity.entity_code == entity_code)
    is_text = "\x00" not in entity_code  # PostgreSQL rejects NUL characters
    if lock and is_text:  # reread under the lock; runs may be inserted while it is held
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        entity: Entity | None = locks.locking(session, query, f"entity {entity_code}").scalars().one_or_none()
    else:
        entity = session.scalars(query).one_or_none() if is_text else None
    if entity is None:
        codes = session.scalars(select(Entity.entity_code).order_by(Entity.entity_code).limit(10)).all()
        raise NotFound(f"no entity {entity_code!r}; existing: {', '.join(codes) or 'none'}")
    return entity


def all_entities(session: Session) -> Sequence[Entity]:
    """Return every entity, including retired ones, sorted by code."""
    return session.scalars(select(Entity).order_by(Entity.entity_code)).all()


def set_status(session: Session, entity_code: str, status: str, changed_by: str) -> Entity:
    """Set an entity `active`, `paused` or `retired`; its history and its active run are unchanged."""
    entity = find(session, entity_code, lock=True)
    if entity.status != status:
        configs.record_change(session, entity, STATUS, entity.status, status, changed_by)
    entity.status = status
    return entity


def _check(new: NewEntity) -> None:
    if not re.fullmatch(ENTITY_CODE_PATTERN.strip("^$"), new.entity_code):
        raise EntityInvalid(
            f"entity code {new.entity_code!r}: use at most 63 lower-case letters, digits and _, for example drugs_com"
        )
    path = new.s3_base_path.rstrip("/")
    if not re.fullmatch(S3_PATH_PATTERN.strip("^$"), path) or ".." in path or "." in path.split("/"):
        raise EntityInvalid(
            f"s3_base_path {new.s3_base_path!r}: write s3://bucket/path with letters, digits and _=.-, without `.` as "
            "a folder"
        )


def _require_alone(session: Session, path: str) -> None:
    """Raise EntityInvalid when an entity, also a removed one, has this path, or one inside it or around it."""
    own, other = literal(f"{path}/"), Entity.s3_base_path + "/"
    overlapping = select(Entity).where(func.starts_with(own, other) | func.starts_with(other, own))
    entity = session.scalars(overlapping.order_by(Entity.entity_code).limit(1)).one_or_none()
    if entity is not None:
        removed = " (removed)" if entity.status == "retired" else ""
        raise EntityInvalid(
            f"s3_base_path {path!r}: entity {entity.entity_code!r}{removed} has {entity.s3_base_path}, and two "
            "entities with one path, or one inside the other, overwrite each other's active.json; choose another path"
        )


def _version(session: Session, optimizer: Optimizer, version_code: str | None) -> Version:
    query = select(Version).where(Version.opt_id == optimizer.opt_id, Version.status == "active")
    if version_code:
        query = query.where(Version.version_code == version_code)
    version = session.scalars(query.order_by(Version.version_id.desc()).limit(1)).one_or_none()
    if version is None:
        raise NotFound(f"no active version {version_code or ''} of {optimizer.opt_code}")
    return version
