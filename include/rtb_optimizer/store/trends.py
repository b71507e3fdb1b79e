"""The last runs of an entity in the order of their data, with what is plotted of them; the days that were live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunFeature, RunOutcome

LAST_RUNS = LAST_DAYS = 90
_OBJECTIVE = Run.config_snapshot["values"]["objective"].as_string()


@dataclass(frozen=True, slots=True)
class RunPoint:
    """A succeeded run: the end of its data, its figures by name, the signal score of each of its features.

    `was_active` tells whether it was activated at some time, `objective` what it predicts: `outcome` or `value`.
    """

    run_id: int
    data_end: datetime
    figures: Mapping[str, float | None]
    was_active: bool
    objective: str
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayPoint:
    """A day of requests that tables bid on: realized and predicted results, in outcomes or money (`objective`)."""

    day: date
    realized: float
    predicted: float


def run_points(session: Session, entity: Entity, count: int = LAST_RUNS) -> list[RunPoint]:
    """Return the last runs by their data, the oldest first; what-if runs and challengers' runs are left out."""
    first_active = RunDecision.decision.in_((Decision.ACTIVATED, Decision.PROMOTED))
    activated = select(RunDecision.id).where(RunDecision.run_id == Run.run_id, first_active)
    columns = select(
        *(Run.run_id, Run.data_end, Run.figures, activated.exists().label("was_active"), _OBJECTIVE.label("objective"))
    )
    own = columns.where(Run.entity_id == entity.entity_id, Run.status == "succeeded")
    nights = own.where(Run.is_sandbox.is_(False), Run.is_challenger.is_(False))
    rows = session.execute(nights.order_by(Run.data_end.desc(), Run.run_id.desc()).limit(count)).all()
    scores = _scores(session, [row.run_id for row in rows])
    return [
        RunPoint(
            *(row.run_id, row.data_end, row.figures or {}, row.was_active, row.objective or "outcome"),
            scores.get(row.run_id, {}),
        )
        for row in reversed(rows)
    ]


def live_points(session: Session, entity: Entity, count: int = LAST_DAYS) -> list[DayPoint]:
    """Return the last days of treated requests, the oldest first: sums over the tables that were live on the day."""
    realized = case((_OBJECTIVE == "value", RunOutcome.value), else_=RunOutcome.outcomes)
    sums = select(RunOutcome.log_day, func.sum(realized), func.sum(RunOutcome.predicted)).join(
        Run, Run.run_id == RunOutcome.run_id
    )
    treated = sums.where(RunOutcome.entity_id == entity.entity_id, RunOutcome.arm == Arm.TREATED)
    rows = session.execute(treated.group_by(RunOutcome.log_day).order_by(RunOutcome.log_day.desc()).limit(count))
    return [DayPoint(*row) for row in reversed(rows.all())]


def _scores(session: Session, run_ids: Sequence[int]) -> dict[int, dict[str, float]]:
    columns = select(RunFeature.run_id, RunFeature.feature_name, RunFeature.signal_score)
    found: dict[int, dict[str, float]] = {}
    for run_id, name, score in session.execute(columns.where(RunFeature.run_id.in_(run_ids))):
        found.setdefault(run_id, {})[name] = score
    return found
