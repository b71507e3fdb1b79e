"""Stores the outcomes of runs after they went live: one row for each day, run and arm, however often it is counted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.store import entities
from rtb_optimizer.store.schema import Entity, JsonObject, RunOutcome


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcomes of one run's table on one day in one arm.

    `buckets` has, by part of the ids, exposures, outcomes, value and cost.
    """

    run_id: int
    log_day: date
    arm: Arm
    rows: int
    exposures: float
    outcomes: float
    value: float
    cost: float
    predicted: float
    predicted_error: float
    buckets: JsonObject


def record(session: Session, entity_code: str, measured_by: int, outcomes: Sequence[Outcome]) -> int:
    """Replace the outcomes of the days that were counted; return how many rows there are now.

    Days are counted again by every run whose window holds them: logs are restated, and late events arrive. A day that a
    later run has counted already is left as it is.
    """
    entity = entities.find(session, entity_code, lock=True)
    own = RunOutcome.entity_id == entity.entity_id
    last = select(RunOutcome.log_day).where(own).group_by(RunOutcome.log_day)
    counted_later = set(session.scalars(last.having(func.max(RunOutcome.measured_by) > measured_by)))
    fresh = [each for each in outcomes if each.log_day not in counted_later]
    session.execute(delete(RunOutcome).where(own, RunOutcome.log_day.in_({each.log_day for each in fresh})))
    for each in fresh:
        session.add(RunOutcome(entity_id=entity.entity_id, measured_by=measured_by, **asdict(each)))
    session.flush()
    return len(fresh)


def of_entity(session: Session, entity: Entity, most_days: int) -> list[RunOutcome]:
    """Return an entity's outcomes of its last days by day, run and arm, the oldest first."""
    days = select(RunOutcome.log_day).where(RunOutcome.entity_id == entity.entity_id).distinct()
    last = days.order_by(RunOutcome.log_day.desc()).limit(most_days)
    own = select(RunOutcome).where(RunOutcome.entity_id == entity.entity_id, RunOutcome.log_day.in_(last))
    return list(session.scalars(own.order_by(RunOutcome.log_day, RunOutcome.run_id, RunOutcome.arm)))
