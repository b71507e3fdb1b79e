"""What has happened to an entity? How many runs it had, and what was decided on them, by whom and why."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import MOVES
from rtb_optimizer.store.schema import Entity, EntityConfigChange, Run, RunDecision


def run_counts(session: Session, entity: Entity) -> dict[str, int]:
    """Return how many runs of each status an entity has had."""
    counted = select(Run.status, func.count()).where(Run.entity_id == entity.entity_id).group_by(Run.status)
    return {status: count for status, count in session.execute(counted)}  # noqa: C416 - as in configs.overrides


def decision_rows(session: Session, entity: Entity, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Return what was decided on an entity's runs, by whom and why, the newest first."""
    own = select(RunDecision, Run.run_code).join(Run, Run.run_id == RunDecision.run_id)
    query = own.where(RunDecision.entity_id == entity.entity_id).order_by(RunDecision.decision_number.desc())
    return [
        {
            "decision_number": made.decision_number,
            "decided_at": made.decided_at,
            "decision": made.decision,
            "run_id": made.run_id,
            "run_code": run_code,
            "from_run_id": made.from_run_id,
            "decided_by": made.decided_by,
            "reasons": made.reasons,
        }
        for made, run_code in session.execute(query.limit(limit).offset(offset))
    ]


def decisions_with_runs(session: Session, entity: Entity, opt_run_id: int | None = None) -> list[dict[str, Any]]:
    """Return all decisions on an entity's runs, or on one of them, the oldest first, with window and figures."""
    query = select(RunDecision, Run).join(Run, Run.run_id == RunDecision.run_id)
    query = query.where(RunDecision.entity_id == entity.entity_id).order_by(RunDecision.decision_number)
    if opt_run_id is not None:
        query = query.where(RunDecision.run_id == opt_run_id)
    return [
        {
            "decision_number": made.decision_number,
            "decided_at": made.decided_at,
            "decision": made.decision,
            "run_id": made.run_id,
            "run_code": run.run_code,
            "from_run_id": made.from_run_id,
            "decided_by": made.decided_by,
            "reasons": made.reasons,
            "data_start": run.data_start,
            "data_end": run.data_end,
            "triggered_by": run.triggered_by,
            "figures": run.figures,
        }
        for made, run in session.execute(query)
    ]


def last_move(session: Session, entity: Entity) -> RunDecision | None:
    """Return the decision that made the active run active, None before the first."""
    own = select(RunDecision).where(RunDecision.entity_id == entity.entity_id)
    moves = own.where(RunDecision.decision.in_(MOVES))
    return session.scalars(moves.order_by(RunDecision.decision_number.desc()).limit(1)).one_or_none()


def sizes(session: Session, entity: Entity) -> tuple[int, int]:
    """Return how many decisions and how many configuration changes an entity's history has."""
    tables = (RunDecision, EntityConfigChange)
    decisions, changes = (
        session.scalar(select(func.count()).where(table.entity_id == entity.entity_id)) or 0 for table in tables
    )
    return decisions, changes
