"""Reads an entity's history: the number of its runs, and the decisions on them with author and reasons."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import MOVES, Decision
from rtb_optimizer.store.schema import Entity, EntityConfigChange, JsonObject, Run, RunDecision


class DecisionRow(TypedDict):
    """A decision on a run; `from_run_id` was active before it."""

    decision_number: int
    decided_at: datetime
    decision: str
    run_id: int
    run_code: str
    from_run_id: int | None
    decided_by: str
    reasons: list[str]


class DecisionWithRun(DecisionRow):
    """A decision with the window, the trigger and the figures of its run; `is_sandbox` marks a what-if run.

    `is_challenger` marks the run of a challenger that was not promoted.
    """

    is_sandbox: bool
    is_challenger: bool
    data_start: datetime
    data_end: datetime
    triggered_by: str
    figures: JsonObject | None


def run_counts(session: Session, entity: Entity) -> dict[str, int]:
    """Return the number of an entity's runs by status."""
    counts = select(Run.status, func.count()).where(Run.entity_id == entity.entity_id).group_by(Run.status)
    return {status: count for status, count in session.execute(counts)}  # noqa: C416 - as in configs.overrides


def decision_rows(session: Session, entity: Entity, limit: int, offset: int = 0) -> list[DecisionRow]:
    """Return the decisions on an entity's runs, the newest first."""
    own = select(RunDecision, Run.run_code).join(Run, Run.run_id == RunDecision.run_id)
    query = own.where(RunDecision.entity_id == entity.entity_id).order_by(RunDecision.decision_number.desc())
    return [
        {
            "decision_number": record.decision_number,
            "decided_at": record.decided_at,
            "decision": record.decision,
            "run_id": record.run_id,
            "run_code": run_code,
            "from_run_id": record.from_run_id,
            "decided_by": record.decided_by,
            "reasons": record.reasons,
        }
        for record, run_code in session.execute(query.limit(limit).offset(offset))
    ]


def decisions_with_runs(session: Session, entity: Entity, opt_run_id: int | None = None) -> list[DecisionWithRun]:
    """Return all decisions on an entity's runs, or on one of them, the oldest first, with window and figures."""
    query = select(RunDecision, Run).join(Run, Run.run_id == RunDecision.run_id)
    query = query.where(RunDecision.entity_id == entity.entity_id).order_by(RunDecision.decision_number)
    if opt_run_id is not None:
        query = query.where(RunDecision.run_id == opt_run_id)
    return [
        {
            "decision_number": record.decision_number,
            "decided_at": record.decided_at,
            "decision": record.decision,
            "run_id": record.run_id,
            "run_code": run.run_code,
            "from_run_id": record.from_run_id,
            "decided_by": record.decided_by,
            "reasons": record.reasons,
            "is_sandbox": run.is_sandbox,
            "is_challenger": run.is_challenger,
            "data_start": run.data_start,
            "data_end": run.data_end,
            "triggered_by": run.triggered_by,
            "figures": run.figures,
        }
        for record, run in session.execute(query)
    ]


def first_on(session: Session, run: Run) -> RunDecision | None:
    """Return the decision that was taken on a run when it ended, None before."""
    own = select(RunDecision).where(RunDecision.run_id == run.run_id)
    return session.scalars(own.order_by(RunDecision.decision_number).limit(1)).one_or_none()


def last_move(session: Session, entity: Entity) -> RunDecision | None:
    """Return the decision that made the active run active, None before the first."""
    own = select(RunDecision).where(RunDecision.entity_id == entity.entity_id)
    moves = own.where(RunDecision.decision.in_(MOVES))
    return session.scalars(moves.order_by(RunDecision.decision_number.desc()).limit(1)).one_or_none()


def moves_before(session: Session, entity: Entity, end: datetime | None) -> list[RunDecision]:
    """Return the moves of an entity's pointer before an instant, or all of them, the oldest first."""
    moves = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.decision.in_(MOVES))
    before = moves if end is None else moves.where(RunDecision.decided_at < end)
    return list(session.scalars(before.order_by(RunDecision.decision_number)))


def challenging_before(session: Session, entity: Entity, end: datetime) -> list[RunDecision]:
    """Return what began and ended the bids of challengers before an instant, the oldest first."""
    own = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.decided_at < end)
    kinds = (Decision.CHALLENGING, Decision.PROMOTED, Decision.DROPPED)
    return list(session.scalars(own.where(RunDecision.decision.in_(kinds)).order_by(RunDecision.decision_number)))


def sizes(session: Session, entity: Entity) -> tuple[int, int]:
    """Return the numbers of decisions and of configuration changes in an entity's history."""
    tables = (RunDecision, EntityConfigChange)
    decisions, changes = (
        session.scalar(select(func.count()).where(table.entity_id == entity.entity_id)) or 0 for table in tables
    )
    return decisions, changes
