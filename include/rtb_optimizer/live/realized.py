"""Reads the results of an entity's active policy: its days, the lift over the holdback, and the verdict."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.evidence import ArmDay, DayOfArms
from rtb_optimizer.core.realized.lift import Lift, lift_of
from rtb_optimizer.core.realized.policy import Against, PolicyVerdict, verdict_on
from rtb_optimizer.store import outcomes, policies
from rtb_optimizer.store.schema import Entity, Run, RunOutcome

PARTS = "0123456789abcdef"
"""The parts of the ids that outcomes are summed by."""
MOST_DAYS = 400
"""Older days say little about tonight's bids."""


@dataclass(frozen=True, slots=True)
class LiveDay:
    """The results of a policy's tables on one day in one arm; `predicted` is in the measure of the objective."""

    day: date
    arm: str
    rows: int
    exposures: float
    outcomes: float
    value: float
    cost: float
    predicted: float
    predicted_error: float

    def result(self, objective: str) -> float:
        """The results by the objective: outcomes, or value."""
        return self.value if objective == "value" else self.outcomes


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """The results of the active policy.

    Attributes:
        policy: The policy, as `store.policies` names it.
        objective: What it predicts and is judged by: `outcome` or `value`.
        per: What results are taken per: `cost`, or `exposure` where logs have none.
        days: Its days by arm, the oldest first.
        lift: Of treated over control.
        verdict: What follows.
    """

    policy: str
    objective: str
    per: str
    days: tuple[LiveDay, ...]
    lift: Lift
    verdict: PolicyVerdict

    @property
    def has_control(self) -> bool:
        """Whether any request was held back."""
        return any(day.arm == Arm.CONTROL for day in self.days)

    @property
    def realized_over_predicted(self) -> float | None:
        """Realized over predicted results of the treated requests, None where nothing was predicted."""
        treated = [day for day in self.days if day.arm == Arm.TREATED]
        predicted = sum(day.predicted for day in treated)
        return sum(day.result(self.objective) for day in treated) / predicted if predicted > 0 else None


def live_policy(session: Session, entity: Entity) -> LivePolicy | None:
    """Return the results of the policy of the entity's active run; None where no run is active."""
    run = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    if run is None:
        return None
    policy, values = policies.policy_of(run), RunSnapshot.read(run.config_snapshot).values
    rows = _of_policy(session, entity, policy)
    objective, per = measured_by(values)
    by_day = defaultdict[date, dict[str, ArmDay]](dict)
    days = list[LiveDay]()
    for (day, arm), of_arm in by_arm(rows).items():
        days.append(live_day(day, arm, of_arm))
        by_day[day][arm] = arm_day(of_arm, objective, per)
    both = [
        DayOfArms(arms[Arm.TREATED], arms[Arm.CONTROL])
        for _, arms in sorted(by_day.items())
        if {Arm.TREATED, Arm.CONTROL} <= arms.keys()
    ]
    lift = lift_of(both, Against.HOLDBACK.alpha)
    return LivePolicy(policy, objective, per, tuple(days), lift, verdict_on(lift, Against.HOLDBACK))


def measured_by(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a configuration predicts and is judged by, and what results are taken per."""
    return str(values.get("objective") or "outcome"), "cost" if values.get("cost_column") else "exposure"


def _of_policy(session: Session, entity: Entity, policy: str) -> list[RunOutcome]:
    """Return the outcomes of a policy's runs since another policy was live last, or since it stood down before."""
    rows = [row for row in outcomes.of_entity(session, entity, MOST_DAYS) if row.arm != Arm.CHALLENGER]
    of = policies.policies_of(session, list({row.run_id for row in rows}))
    others = [row.log_day for row in rows if of[row.run_id] != policy]
    stood_down = policies.last_stood_down(session, entity, policy)
    since = max([*others, *([stood_down.decided_at.date()] if stood_down else [])], default=date.min)
    return [row for row in rows if of[row.run_id] == policy and row.log_day >= since]


def by_arm(rows: Sequence[RunOutcome]) -> dict[tuple[date, str], list[RunOutcome]]:
    """Return outcomes by day and arm, in their order."""
    grouped = defaultdict[tuple[date, str], list[RunOutcome]](list)
    for row in rows:
        grouped[row.log_day, row.arm].append(row)
    return grouped


def live_day(day: date, arm: str, rows: Sequence[RunOutcome]) -> LiveDay:
    """Return the sums of a day's runs in one arm: several are live on it."""
    return LiveDay(
        day=day,
        arm=arm,
        rows=sum(row.rows for row in rows),
        exposures=sum(row.exposures for row in rows),
        outcomes=sum(row.outcomes for row in rows),
        value=sum(row.value for row in rows),
        cost=sum(row.cost for row in rows),
        predicted=sum(row.predicted for row in rows),
        predicted_error=float(np.sqrt(sum(row.predicted_error**2 for row in rows))),
    )


def arm_day(rows: Sequence[RunOutcome], objective: str, per: str) -> ArmDay:
    """Return what an arm had on a day, by parts of the ids, as evidence of results per spend."""
    parts = np.zeros((len(PARTS), 4))
    for row in rows:
        for part, sums in row.buckets.items():
            parts[PARTS.index(part)] += sums
    exposures, counted, value, cost = np.maximum(parts.T, 0.0)
    return ArmDay(
        result=value if objective == "value" else counted, spend=cost if per == "cost" else exposures, outcomes=counted
    )
