"""Exports the DAG list: the active entities, with the schedule and the trigger form of their DAGs."""

import zlib
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigKey
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import configs, dag_list
from rtb_optimizer.store.dag_list import DagEntry, DagList, FormField
from rtb_optimizer.store.schema import Entity, Optimizer, Version

FIRST_HOUR = 3


def export(session: Session, to: Path | None = None) -> int:
    """Write the DAG list of all active entities; return their number."""
    document = build(session)
    if dag_list.replace(to or dag_list.path(), document) and to is None:
        dag_list.touch_dag_files()
    return len(document["entities"])


def build(session: Session) -> DagList:
    """Return the DAG list, without configuration values: a run reads those when it starts."""
    rows = session.execute(
        select(Entity, Optimizer.opt_code, Version.version_code)
        .join(Optimizer, Optimizer.opt_id == Entity.opt_id)
        .join(Version, Version.version_id == Entity.current_version_id)
        .where(Entity.status == "active", Optimizer.status == "active", Version.status == "active")
        .order_by(Entity.entity_code)
    ).all()
    versions = sorted({entity.current_version_id for entity, _, _ in rows})
    return dag_list.document(
        [_entry(session, entity, opt, version) for entity, opt, version in rows],
        {str(version_id): _form(session, version_id) for version_id in versions},
    )


def spread_schedule(entity_code: str) -> str:
    """Return a daily cron at a minute derived from the entity's code, so that not all entities start at once."""
    return f"{zlib.crc32(entity_code.encode()) % 60} {FIRST_HOUR} * * *"


def _entry(session: Session, entity: Entity, opt_code: str, version_code: str) -> DagEntry:
    try:
        values = configs.resolve_for(session, entity).values
    except ConfigInvalid:  # its run reports it; the DAG exists, so that it can be triggered after the correction
        values = {}
    return DagEntry(
        opt_code=opt_code,
        entity_code=entity.entity_code,
        entity_name=entity.entity_name,
        object_type=entity.object_type,
        version_code=version_code,
        form=str(entity.current_version_id),
        schedule=str(values.get("schedule") or spread_schedule(entity.entity_code)),
        timezone=str(values.get("timezone") or "UTC"),
    )


def _form(session: Session, version_id: int) -> list[FormField]:
    return [_field(key) for key in configs.declared_keys(session, version_id) if key.ui_visible]


def _field(key: ConfigKey) -> FormField:
    return FormField(
        key=key.key,
        type=key.data_type.value,
        title=key.display_name,
        section=key.section,
        description=key.description,
        default=key.default,
        minimum=key.minimum,
        maximum=key.maximum,
        choices=list(key.choices),
    )
