"""Compares an entity's challenger with the active policy, and promotes or drops it by that evidence."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.decision.alerts import of_challenger
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.evidence import DayOfArms
from rtb_optimizer.core.realized.lift import Lift, lift_of
from rtb_optimizer.core.realized.policy import Against, PolicyVerdict, Standing, verdict_on
from rtb_optimizer.live.realized import MOST_DAYS, LiveDay, arm_day, by_arm, live_day, measured_by
from rtb_optimizer.store import alerts, challengers, entities, outcomes, policies, runs, verification
from rtb_optimizer.store.activation import AUTO
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Challenger, Entity, Run, RunOutcome

log = logging.getLogger(__name__)
DECIDED_BY_EVIDENCE = {Standing.BETTER: Decision.PROMOTED, Standing.WORSE: Decision.DROPPED}


@dataclass(frozen=True, slots=True)
class LiveChallenger:
    """The results of an open challenger.

    Attributes:
        challenger: The challenger.
        run: Its live run, None before its first night.
        objective: What both are judged by: `outcome` or `value`.
        per: What results are taken per: `cost`, or `exposure` where logs have none.
        days: The days on which both policies were live, the challenger's requests and the active policy's treated ones.
        lift: Of the challenger over the active policy.
        verdict: What follows.
    """

    challenger: Challenger
    run: Run | None
    objective: str
    per: str
    days: tuple[LiveDay, ...]
    lift: Lift
    verdict: PolicyVerdict


def live_challenger(session: Session, entity: Entity) -> LiveChallenger | None:
    """Return the results of an entity's open challenger, None where none is open."""
    challenger = challengers.open_one(session, entity)
    if challenger is None:
        return None
    run = session.get(Run, challenger.run_id) if challenger.run_id is not None else None
    active = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    rows = _of_both(session, entity, challenger, active, run) if active is not None and run is not None else []
    objective, per = measured_by(RunSnapshot.read(active.config_snapshot).values if active is not None else {})
    both = defaultdict[date, dict[str, list[RunOutcome]]](dict)
    for (day, arm), of_arm in by_arm(rows).items():
        both[day][arm] = of_arm
    compared = {day: arms for day, arms in sorted(both.items()) if len(arms) == len({Arm.CHALLENGER, Arm.TREATED})}
    nights = [
        DayOfArms(arm_day(arms[Arm.CHALLENGER], objective, per), arm_day(arms[Arm.TREATED], objective, per))
        for arms in compared.values()
    ]
    lift = lift_of(nights, Against.ACTIVE.alpha)
    days = tuple(live_day(day, arm, rows) for day, arms in compared.items() for arm, rows in sorted(arms.items()))
    return LiveChallenger(challenger, run, objective, per, days, lift, verdict_on(lift, Against.ACTIVE))


def _of_both(session: Session, entity: Entity, challenger: Challenger, active: Run, run: Run) -> list[RunOutcome]:
    """Return the outcomes of the days since both policies are what they are now, whole days of both alone.

    On the day on which either went live, another bid on a part of the requests: it is left out.
    """
    rows = [row for row in outcomes.of_entity(session, entity, MOST_DAYS) if row.arm != Arm.CONTROL]
    known = {each.run_id: each for each in _runs(session, rows)}
    own = [row for row in rows if row.arm == Arm.CHALLENGER]
    of = {run_id: policies.policy_of(each) for run_id, each in known.items()}
    expected = {Arm.CHALLENGER: policies.policy_of(run), Arm.TREATED: policies.policy_of(active)}
    is_own = {row.id: known[row.run_id].challenger_id == challenger.challenger_id for row in own}
    others = [row.log_day for row in rows if of[row.run_id] != expected[Arm(row.arm)] or not is_own.get(row.id, True)]
    first = min((row.log_day for row in own if is_own[row.id]), default=date.max)
    since = max([first, *others])
    return [row for row in rows if row.log_day > since]


def _runs(session: Session, rows: Sequence[RunOutcome]) -> Sequence[Run]:
    return runs.by_id(session, {row.run_id for row in rows})


def decide_by_evidence(session: Session, entity_code: str, decisions: Sequence[Decision]) -> Decision | None:
    """Promote or drop the entity's challenger where the evidence shows which is better; commit; return the decision.

    None where it shows neither, or one that is not among `decisions`, or the configuration leaves decisions to people.
    """
    entity = entities.find(session, entity_code)
    found = live_challenger(session, entity)
    if found is None or found.run is None:
        return None
    decision = DECIDED_BY_EVIDENCE.get(found.verdict.standing)
    if decision is None or decision not in decisions:
        return None
    if not RunSnapshot.read(found.run.config_snapshot).values.get("auto_stand_down", True):
        log.warning("the challenger of %s would be %s, and auto_stand_down is off", entity_code, decision)
        return None
    number, run_id, run_code = found.challenger.challenger_id, found.run.run_id, found.run.run_code
    if decision is Decision.PROMOTED:
        record = challengers.promote(session, entity_code, AUTO, found.verdict.reasons, number)
        verification.verify_outputs(session, ObjectStore.of(entity.s3_base_path), record.opt_run_id)
    else:
        challengers.drop(session, entity_code, AUTO, found.verdict.reasons, number)
    alerts.record(session, run_id, [of_challenger(run_code, decision, found.verdict.reasons)])
    session.commit()
    log.warning("the challenger of %s was %s: %s", entity_code, decision, "; ".join(found.verdict.reasons))
    return decision
