"""Deletes what a catalog holds of keys that earlier releases had: declarations, values of entities and of challengers.

Each value that goes is a change in its entity's history. Snapshots of runs, and challengers that have ended, keep them:
they are what was.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.retired import RETIRED, gone
from rtb_optimizer.store import challengers, configs, entities
from rtb_optimizer.store.schema import Challenger, Entity, EntityConfig, VersionConfig

BY = "rtb seed"


def retire(session: Session, version_id: int) -> list[str]:
    """Delete retired keys of a version and all values that its entities have of them; return a line for each value.

    The caller commits.
    """
    of_version = VersionConfig.version_id == version_id, VersionConfig.config_key.in_(RETIRED)
    session.execute(delete(VersionConfig).where(*of_version))
    lines = [*_of_entities(session, version_id), *_of_challengers(session, version_id)]
    session.flush()
    return lines


def _of_entities(session: Session, version_id: int) -> list[str]:
    own = select(EntityConfig, Entity).join(Entity, Entity.entity_id == EntityConfig.entity_id)
    set_ones = own.where(Entity.current_version_id == version_id, EntityConfig.config_key.in_(RETIRED))
    lines = []
    for override, entity in session.execute(set_ones.order_by(Entity.entity_code, EntityConfig.config_key)).all():
        key, value = override.config_key, override.config_value
        configs.record_change(session, entity, key, value, None, BY)
        session.delete(override)
        lines.append(f"{entity.entity_code}: {key} was {value}; it is {gone(key)}")
    return lines


def _of_challengers(session: Session, version_id: int) -> list[str]:
    """Take retired keys off open challengers; one that overrides nothing else is dropped."""
    opened = select(Entity.entity_code, Challenger.overrides).join(Entity, Entity.entity_id == Challenger.entity_id)
    opened = opened.where(Entity.current_version_id == version_id, Challenger.ended_at.is_(None))
    lines = list[str]()
    for entity_code, overrides in session.execute(opened.order_by(Entity.entity_code)).all():
        if not overrides.keys() & RETIRED.keys():
            continue
        entity = entities.find(session, entity_code, lock=True)
        challenger = challengers.open_one(session, entity)
        if challenger is not None:
            lines += _of_challenger(session, entity, challenger)
    return lines


def _of_challenger(session: Session, entity: Entity, challenger: Challenger) -> Sequence[str]:
    number, overrides = challenger.challenger_id, challenger.overrides
    kept = {key: value for key, value in overrides.items() if key not in RETIRED}
    words = list[str]()
    for key in sorted(overrides.keys() & RETIRED.keys()):
        configs.record_change(session, entity, f"challenger {number}: {key}", str(overrides[key]), None, BY)
        words.append(f"{key} of challenger {number} was {overrides[key]}; it is {gone(key)}")
    if kept:
        challenger.overrides = kept
        end = f"the challenger goes on with {challengers.assignments(challenger)}"
    else:
        end = "nothing is left that differs, and the challenger is dropped"
        challengers.drop(session, entity.entity_code, BY, [f"{'; '.join(words)}; {end}"])
    return [f"{entity.entity_code}: {each}; {end}" for each in words]
