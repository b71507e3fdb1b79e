"""Computes until when active runs are valid, from the `valid_hours` in each run's snapshot."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import MOVES, VALID_HOURS, valid_until
from rtb_optimizer.store.schema import Entity, Run, RunDecision, VersionConfig

# The run's snapshot; for a run older than the key, the current default of its version, if that was seeded since.
HOURS = func.coalesce(
    Run.config_snapshot["values"]["valid_hours"].as_integer(),
    select(cast(VersionConfig.default_value, Integer))
    .where(VersionConfig.version_id == Run.version_id, VersionConfig.config_key == "valid_hours")
    .scalar_subquery(),
    VALID_HOURS,
)


class ValidityFields(TypedDict):
    """The validity of an active run as shown; `is_stale` when `valid_until` has passed."""

    valid_until: datetime | None
    is_stale: bool


def run_valid_until(session: Session, run: Run, moved_at: datetime) -> datetime:
    """Return until when a run that was activated at `moved_at` is valid."""
    return valid_until(session.scalars(select(HOURS).where(Run.run_id == run.run_id)).one(), run.data_end, moved_at)


def active_valid_until(session: Session, entity_ids: Collection[int] | None = None) -> dict[int, datetime]:
    """Return until when each active run is valid, by entity id; `entity_ids` limits the entities, None does not."""
    moved_at = (
        select(RunDecision.decided_at)
        .where(RunDecision.entity_id == Entity.entity_id, RunDecision.decision.in_(MOVES))
        .order_by(RunDecision.decision_number.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(Entity.entity_id, HOURS, Run.data_end, moved_at).join(Run, Run.run_id == Entity.active_run_id)
    if entity_ids is not None:
        query = query.where(Entity.entity_id.in_(entity_ids))
    return {entity: valid_until(hours, end, moved or end) for entity, hours, end, moved in session.execute(query)}


def validity_fields(until: datetime | None, now: datetime | None = None) -> ValidityFields:
    """Return the validity of an active run; not stale without one."""
    return {"valid_until": until, "is_stale": until is not None and until < (now or datetime.now(UTC))}
