"""Until when are the active runs to be trusted? Each run froze its own `valid_hours`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.activation import MOVES
from rtb_optimizer.core.validity import VALID_HOURS, valid_until
from rtb_optimizer.store.schema import Entity, Run, RunDecision, VersionConfig


def run_valid_until(session: Session, run: Run, moved_at: datetime) -> datetime:
    """Return until when a run is to be trusted that became the active one at `moved_at`."""
    return valid_until(_hours(session, run), run.data_end, moved_at)


def _hours(session: Session, run: Run) -> int:
    """Return what the run froze, or for a run from before the key was declared what its version says now."""
    frozen: int | None = run.config_snapshot.get("values", {}).get("valid_hours")
    if frozen is not None:
        return frozen
    declared = (VersionConfig.version_id == run.version_id, VersionConfig.config_key == "valid_hours")
    return int(session.scalar(select(VersionConfig.default_value).where(*declared)) or VALID_HOURS)


def active_valid_until(session: Session, *entity_ids: int) -> dict[int, datetime]:
    """Return until when each active run is to be trusted, by entity id; of some entities if they are named."""
    moved_at = (
        select(RunDecision.decided_at)
        .where(RunDecision.entity_id == Entity.entity_id, RunDecision.decision.in_(MOVES))
        .order_by(RunDecision.decision_number.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(Entity.entity_id, Run, moved_at).join(Run, Run.run_id == Entity.active_run_id)
    if entity_ids:
        query = query.where(Entity.entity_id.in_(entity_ids))
    return {
        entity: run_valid_until(session, run, moved or run.data_end) for entity, run, moved in session.execute(query)
    }


def told(until: datetime | None, now: datetime | None = None) -> dict[str, Any]:
    """Return what is shown of an active run's validity; without one, nothing is stale."""
    return {"valid_until": until, "is_stale": until is not None and until < (now or datetime.now(UTC))}
