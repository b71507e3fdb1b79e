"""Which runs of other entities a new run learns from: those active now, for the same kind of object and outcome."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.model.pooling import MIN_ENTITIES
from rtb_optimizer.core.sample.values import SPELLING_VERSION
from rtb_optimizer.store.schema import Entity, Run

MOST = 30
"""Tables that are read: what more of them would add is little, and an optimizer may have thousands of entities."""
THE_SAME = ("objective", "outcome_column", "outcome_kinds")


def sibling_runs(session: Session, entity: Entity, values: Mapping[str, ConfigValue]) -> tuple[int, ...]:
    """Return the active runs of an entity's siblings, those with the newest data first; none where they are too few.

    Args:
        session: On the catalog.
        entity: The entity that a run is created for.
        values: The run's configuration: the siblings' runs have the same objective and outcome.
    """
    if not values.get("warm_start"):
        return ()
    others = select(Run).join(Entity, Entity.active_run_id == Run.run_id)
    others = others.where(Entity.opt_id == entity.opt_id, Entity.object_type == entity.object_type)
    others = others.where(Entity.entity_id != entity.entity_id, Entity.status == "active")
    found = list[int]()
    for run in session.scalars(others.order_by(Run.data_end.desc(), Run.run_id)):
        snapshot = RunSnapshot.read(run.config_snapshot)
        if snapshot.spelling_version == SPELLING_VERSION and all(
            snapshot.values.get(key) == values.get(key) for key in THE_SAME
        ):
            found.append(run.run_id)
        if len(found) == MOST:
            break
    return tuple(found) if len(found) >= MIN_ENTITIES else ()
