"""Reads the catalog for the command line, the API and the pages, as rows of plain values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from rtb_optimizer.core.config.key import ConfigKey, ConfigValue, DataType
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import configs, entities, runs, validity
from rtb_optimizer.store.schema import Entity, EntityConfig, JsonObject, Run, RunDecision, Version
from rtb_optimizer.store.validity import ValidityFields


class EntityRow(ValidityFields):
    """An entity with its active run."""

    entity_code: str
    entity_name: str
    object_type: str
    object_id: int
    version_code: str
    status: str
    s3_base_path: str
    active_run_id: int | None
    active_run_code: str | None
    active_data_end: datetime | None


class ConfigRow(TypedDict):
    """A config key with its value for an entity."""

    section: str
    key: str
    title: str
    value: ConfigValue
    text: str | None
    default: str | None
    origin: str
    updated_by: str | None
    type: str
    required: bool
    limits: str
    choices: list[str]
    description: str


class ConfigChangeRow(TypedDict):
    """A change of an override or of the status; None stands for the default."""

    changed_at: datetime
    changed_by: str
    key: str
    old_value: str | None
    new_value: str | None


class _RunFields(TypedDict):
    run_id: int
    run_code: str
    entity_code: str
    status: str
    is_sandbox: bool
    is_challenger: bool
    challenger_id: int | None
    data_start: datetime
    data_end: datetime
    triggered_by: str
    total_segments: int | None
    figures: JsonObject | None
    error_message: str | None
    airflow_dag_id: str
    airflow_run_id: str
    clear_number: int
    started_at: datetime
    finished_at: datetime | None


class _ActiveFields(ValidityFields):
    is_active: bool


class RunRow(_RunFields, _ActiveFields):
    """A run with the last decision on it."""

    decision: str | None


class RunDetails(_RunFields, _ActiveFields):
    """A run with everything recorded about it."""

    features: list[Mapping[str, object]]
    ad_macros: dict[str, str]
    outputs: list[Mapping[str, object]]
    decisions: list[Mapping[str, object]]
    config_snapshot: JsonObject


def entity_rows(session: Session) -> list[EntityRow]:
    """Return every entity with its active run."""
    rows = session.execute(
        select(Entity, Version.version_code, Run)
        .join(Version, Version.version_id == Entity.current_version_id)
        .outerjoin(Run, Run.run_id == Entity.active_run_id)
        .order_by(Entity.entity_code)
    )
    until = validity.active_valid_until(session)
    return [
        {
            "entity_code": entity.entity_code,
            "entity_name": entity.entity_name,
            "object_type": entity.object_type,
            "object_id": entity.object_id,
            "version_code": version_code,
            "status": entity.status,
            "s3_base_path": entity.s3_base_path,
            "active_run_id": entity.active_run_id,
            "active_run_code": active.run_code if active else None,
            "active_data_end": active.data_end if active else None,
            **validity.validity_fields(until.get(entity.entity_id)),
        }
        for entity, version_code, active in rows
    ]


def config_rows(session: Session, entity: Entity) -> list[ConfigRow]:
    """Return every declared key with its value for an entity, the stored text, origin and limits."""
    keys = configs.declared_keys(session, entity.current_version_id)
    stored = {
        row.config_key: row
        for row in session.scalars(select(EntityConfig).where(EntityConfig.entity_id == entity.entity_id))
    }
    try:
        values = resolve(keys, {name: row.config_value for name, row in stored.items()}).values
    except ConfigInvalid:  # show the stored values, so that they can be corrected
        values = {key.key: key.default for key in keys} | {name: row.config_value for name, row in stored.items()}
    return [
        {
            "section": key.section,
            "key": key.key,
            "title": key.display_name or key.key,
            "value": values[key.key],
            "text": stored[key.key].config_value if key.key in stored else key.default,
            "default": key.default,
            "origin": "entity" if key.key in stored else "default",
            "updated_by": stored[key.key].updated_by if key.key in stored else None,
            "type": key.data_type.value,
            "required": key.required,
            "limits": _limits(key),
            "choices": list(key.choices),
            "description": key.description,
        }
        for key in [*keys, *_undeclared(keys, stored)]
    ]


def config_change_rows(session: Session, entity: Entity, limit: int = 100, offset: int = 0) -> list[ConfigChangeRow]:
    """Return the changes of an entity's overrides and status, with their authors, the newest first."""
    return [
        {
            "changed_at": change.changed_at,
            "changed_by": change.changed_by,
            "key": change.config_key,
            "old_value": change.old_value,
            "new_value": change.new_value,
        }
        for change in configs.changes(session, entity.entity_id, limit, offset)
    ]


def run_rows(session: Session, entity_code: str | None, limit: int, status: str = "", offset: int = 0) -> list[RunRow]:
    """Return runs, newest first, with the last decision on each; `entity_code` and `status` filter them.

    Raises:
        NotFound: when no entity has that code.
    """
    newer = aliased(RunDecision)
    last = ~select(newer.id).where(newer.run_id == RunDecision.run_id, newer.id > RunDecision.id).exists()
    query = (
        select(Run, Entity, RunDecision.decision)
        .join(Entity, Entity.entity_id == Run.entity_id)
        .outerjoin(RunDecision, (RunDecision.run_id == Run.run_id) & last)
        .order_by(Run.run_id.desc())
        .limit(limit)
        .offset(offset)
    )
    if status:
        query = query.where(Run.status == status)
    if entity_code:
        query = query.where(Entity.entity_id == entities.find(session, entity_code).entity_id)
    rows = session.execute(query).all()
    until = validity.active_valid_until(session, {entity.entity_id for _, entity, _ in rows})
    return [
        {**_run_fields(run, entity), "decision": decision, **_active_fields(run, entity, until)}
        for run, entity, decision in rows
    ]


def run_details(session: Session, run: Run) -> RunDetails:
    """Return everything that the catalog records about a run."""
    entity = session.get_one(Entity, run.entity_id)
    decisions = session.scalars(
        select(RunDecision).where(RunDecision.run_id == run.run_id).order_by(RunDecision.decision_number)
    )
    return {
        **_run_fields(run, entity),
        **_active_fields(run, entity, validity.active_valid_until(session, [entity.entity_id])),
        "features": [
            {"order": f.feature_order, "feature": f.feature_name, "anchor": f.is_anchor, "signal_score": f.signal_score}
            for f in runs.features(session, run.run_id)
        ],
        "ad_macros": {m.macro_format: m.macro_combo for m in runs.ad_macros(session, run.run_id)},
        "outputs": [
            {"type": o.output_type, "url": f"s3://{o.s3_bucket}/{o.s3_key}", "rows": o.row_count, "bytes": o.byte_size}
            for o in runs.outputs(session, run.run_id)
        ],
        "decisions": [
            {
                "decision": d.decision,
                "from_run_id": d.from_run_id,
                "by": d.decided_by,
                "reasons": d.reasons,
                "decided_at": d.decided_at,
            }
            for d in decisions
        ],
        # not which runs of other entities it learnt from
        "config_snapshot": {key: of for key, of in run.config_snapshot.items() if key != "siblings"},
    }


def _run_fields(run: Run, entity: Entity) -> _RunFields:
    return {
        "run_id": run.run_id,
        "run_code": run.run_code,
        "entity_code": entity.entity_code,
        "status": run.status,
        "is_sandbox": run.is_sandbox,
        "is_challenger": run.is_challenger,
        "challenger_id": run.challenger_id,
        "data_start": run.data_start,
        "data_end": run.data_end,
        "triggered_by": run.triggered_by,
        "total_segments": run.total_segments,
        "figures": run.figures,
        "error_message": run.error_message,
        "airflow_dag_id": run.airflow_dag_id,
        "airflow_run_id": run.airflow_run_id,
        "clear_number": run.clear_number,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _active_fields(run: Run, entity: Entity, until: Mapping[int, datetime]) -> _ActiveFields:
    """Return whether a run is active, and if so, its validity."""
    is_active = entity.active_run_id == run.run_id
    return {"is_active": is_active, **validity.validity_fields(until.get(entity.entity_id) if is_active else None)}


def _undeclared(keys: Sequence[ConfigKey], stored: Mapping[str, EntityConfig]) -> list[ConfigKey]:
    """Return stored overrides that the version does not declare: they make a run fail, so they must be shown."""
    declared = {key.key for key in keys}
    return [
        ConfigKey(name, DataType.STRING, section="not declared by the version: unset it")
        for name in sorted(stored)
        if name not in declared
    ]


def _limits(key: ConfigKey) -> str:
    if key.choices:
        return " | ".join(key.choices)
    bounds = [
        f"{side} {limit:,.12g}" for side, limit in (("min", key.minimum), ("max", key.maximum)) if limit is not None
    ]
    return ", ".join([*bounds, *(["required"] if key.required else [])])
