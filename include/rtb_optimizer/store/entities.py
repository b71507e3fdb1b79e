"""Which entities are there, and who adds, pauses and removes them?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rtb_optimizer.errors import EntityInvalid, NotFound
from rtb_optimizer.store import configs
from rtb_optimizer.store.schema import ENTITY_CODE_PATTERN, S3_PATH_PATTERN, Entity, Optimizer, Version
from rtb_optimizer.store.seeds import OPT_CODE

STATUS = "status"
"""By this name a change of an entity's status stands in its history, among those of its config keys."""


@dataclass(frozen=True, slots=True)
class NewEntity:
    """What an entity needs to be added; `config` are its overrides."""

    entity_code: str
    entity_name: str
    object_id: int
    object_type: str
    s3_base_path: str
    config: Mapping[str, str]


def add(session: Session, new: NewEntity, updated_by: str, version_code: str | None = None) -> Entity:
    """Add an entity with its configuration, both valid, under the newest active version or the one named.

    Raises:
        EntityInvalid: naming what is wrong with the code or the path, or that it exists.
        ConfigInvalid: with every violation.
    """
    _check(new)
    optimizer = session.scalars(select(Optimizer).where(Optimizer.opt_code == OPT_CODE)).one_or_none()
    if optimizer is None:
        raise NotFound(f"no optimizer {OPT_CODE!r}: run `python -m rtb_optimizer seed` first")
    if session.scalar(select(Entity.entity_id).where(Entity.entity_code == new.entity_code)):
        raise EntityInvalid(f"entity {new.entity_code!r} exists already; `entities resume` brings a removed one back")
    entity = Entity(
        opt_id=optimizer.opt_id,
        entity_code=new.entity_code,
        entity_name=new.entity_name,
        object_id=new.object_id,
        object_type=new.object_type,
        current_version_id=_version(session, optimizer, version_code).version_id,
        s3_base_path=new.s3_base_path.rstrip("/"),
    )
    session.add(entity)
    try:
        session.flush()
    except IntegrityError:  # two add the same code at once
        raise EntityInvalid(f"entity {new.entity_code!r} exists already: it was added just now") from None
    configs.set_overrides(session, entity, new.config, updated_by)
    return entity


def find(session: Session, entity_code: str, *, lock: bool = False) -> Entity:
    """Return the entity of that code, its row locked for this transaction if asked.

    Raises:
        NotFound: naming the codes there are.
    """
    query = select(Entity).where(Entity.entity_code == entity_code)
    if lock:  # what was read before the lock does not count; runs may be inserted meanwhile
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    is_text = "\x00" not in entity_code  # to PostgreSQL, which refuses to compare with anything else
    entity = session.scalars(query).one_or_none() if is_text else None
    if entity is None:
        codes = session.scalars(select(Entity.entity_code).order_by(Entity.entity_code).limit(10)).all()
        raise NotFound(f"no entity {entity_code!r}; there are: {', '.join(codes) or 'none'}")
    return entity


def all_entities(session: Session) -> Sequence[Entity]:
    """Return every entity by code, retired ones included."""
    return session.scalars(select(Entity).order_by(Entity.entity_code)).all()


def set_status(session: Session, entity_code: str, status: str, changed_by: str) -> Entity:
    """Set an entity `active`, `paused` or `retired`; its history stays, and what is active stays active."""
    entity = find(session, entity_code, lock=True)
    if entity.status != status:
        configs.remember(session, entity, STATUS, entity.status, status, changed_by)
    entity.status = status
    return entity


def _check(new: NewEntity) -> None:
    if not re.fullmatch(ENTITY_CODE_PATTERN.strip("^$"), new.entity_code):
        raise EntityInvalid(
            f"entity code {new.entity_code!r}: use lower-case letters, digits and _, at most 63, as drugs_com"
        )
    path = new.s3_base_path.rstrip("/")
    if not re.fullmatch(S3_PATH_PATTERN.strip("^$"), path) or ".." in path:
        raise EntityInvalid(f"s3_base_path {new.s3_base_path!r}: write s3://bucket/path with letters, digits and _=.-")


def _version(session: Session, optimizer: Optimizer, version_code: str | None) -> Version:
    query = select(Version).where(Version.opt_id == optimizer.opt_id, Version.status == "active")
    if version_code:
        query = query.where(Version.version_code == version_code)
    version = session.scalars(query.order_by(Version.version_id.desc()).limit(1)).one_or_none()
    if version is None:
        raise NotFound(f"no active version {version_code or ''} of {optimizer.opt_code}")
    return version
