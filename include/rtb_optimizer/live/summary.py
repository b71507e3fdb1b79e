"""Summarises the results of the active policy, for the pages, the API and the command line."""

from math import isfinite

from sqlalchemy.orm import Session

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.lift import Lift, nights_needed
from rtb_optimizer.core.realized.policy import Against
from rtb_optimizer.errors import NotFound
from rtb_optimizer.live.challengers import live_challenger
from rtb_optimizer.live.realized import LiveDay, LivePolicy, live_policy
from rtb_optimizer.outputs.documents.realized import (
    ChallengerDocument,
    LiftDocument,
    RealizedDayDocument,
    RealizedDocument,
)
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import BidsDocument
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.store.schema import Entity, Run

SUGGESTED_SHARE, NOTABLE = 0.05, 0.1


def realized(session: Session, entity: Entity) -> RealizedDocument:
    """Return the results of an entity's active policy.

    Raises:
        NotFound: when no run of the entity is active.
    """
    found = live_policy(session, entity)
    if found is None or entity.active_run_id is None:
        raise NotFound(f"{entity.entity_code} has no active run: bidders bid 1.0; `rtb runs list` shows its runs")
    run = session.get_one(Run, entity.active_run_id)
    bids = _bids(session, run)
    return RealizedDocument(
        entity_code=entity.entity_code,
        run_code=run.run_code,
        policy=found.policy,
        objective=found.objective,
        results_per=found.per,
        following=bids.following,
        elasticity=bids.elasticity if bids.precision > 0 else None,
        realized_over_predicted=found.realized_over_predicted,
        has_control=found.has_control,
        lift=_lift(found.lift),
        standing=found.verdict.standing.value,
        reasons=found.verdict.reasons if found.has_control else (_without_control(found),),
        known_by=found.verdict.known_by,
        days=tuple(_day(day, found.objective, found.per) for day in found.days),
        challenger=challenger_summary(session, entity),
    )


def challenger_summary(session: Session, entity: Entity) -> ChallengerDocument | None:
    """Return the results of an entity's open challenger, None where none is open."""
    found = live_challenger(session, entity)
    if found is None:
        return None
    challenger, verdict = found.challenger, found.verdict
    return ChallengerDocument(
        challenger_id=challenger.challenger_id,
        share=challenger.share,
        overrides={key: str(value) for key, value in sorted(challenger.overrides.items())},
        created_by=challenger.created_by,
        created_at=challenger.created_at.isoformat(),
        run_id=found.run.run_id if found.run else None,
        run_code=found.run.run_code if found.run else None,
        lift=_lift(found.lift),
        standing=verdict.standing.value,
        reasons=verdict.reasons if found.run else ("it has no run yet: the next night makes the first",),
        known_by=verdict.known_by,
        days=tuple(_day(day, found.objective, found.per) for day in found.days),
    )


def _without_control(found: LivePolicy) -> str:
    """Return what a holdback would cost and when it would answer."""
    days = {day.day for day in found.days}
    a_night = sum(day.outcomes for day in found.days) / max(len(days), 1)
    nights = nights_needed(a_night, SUGGESTED_SHARE, -NOTABLE, Against.HOLDBACK.alpha)
    known = f"after about {nights} nights" if nights else "hardly ever, with so few outcomes"
    return (
        "no request is held back, so that nobody knows what bids of 1.0 would have brought; with a holdback_share of "
        f"{SUGGESTED_SHARE:g}, which costs a twentieth of what the table gains, a difference of {NOTABLE:.0%} will be "
        f"known {known}"
    )


def _bids(session: Session, run: Run) -> BidsDocument:
    try:
        return Report.read(published_output(session, run, "report")).bids
    except NotFound:
        return BidsDocument()


def _lift(lift: Lift) -> LiftDocument:
    estimate, low, high = (each if isfinite(each) else None for each in (lift.estimate, lift.low, lift.high))
    known = lift.is_known
    return LiftDocument(
        estimate=estimate,
        low=low if known else None,
        high=high if known else None,
        interval=1 - lift.alpha,
        nights=lift.nights,
    )


def _day(day: LiveDay, objective: str, per: str) -> RealizedDayDocument:
    result = day.result(objective)
    spend = day.cost if per == "cost" else day.exposures
    return RealizedDayDocument(
        day=f"{day.day}",
        arm=day.arm,
        rows=day.rows,
        exposures=day.exposures,
        outcomes=day.outcomes,
        value=day.value,
        cost=day.cost,
        results_per_spend=result / spend if spend > 0 else None,
        predicted=day.predicted,
        predicted_error=day.predicted_error,
        realized_over_predicted=result / day.predicted if day.predicted > 0 and day.arm != Arm.CONTROL else None,
    )
