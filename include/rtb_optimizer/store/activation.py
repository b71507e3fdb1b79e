"""Moves the active-run pointer in one transaction: locks the entity's row and adds a row to the decision history.

The lock serializes the decisions of one entity: each activation sees the result of the previous one, and the history
has one row for each, numbered without gaps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import (
    MOVES,
    NEVER_ACTIVATED,
    ONLY_PROMOTED,
    Decision,
    RunAge,
    Verdict,
    decide,
)
from rtb_optimizer.errors import EntityInvalid, NotFound, RunNotRunning
from rtb_optimizer.store import entities, history, locks, policies
from rtb_optimizer.store.schema import Challenger, Entity, Run, RunDecision

AUTO = "auto"
"""The author of decisions that the product makes on evidence."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as recorded in the history, by this call or by an earlier attempt of it.

    `from_run_id` is the run that was active before the decision.
    """

    decision: Decision
    reasons: tuple[str, ...]
    entity_code: str
    opt_run_id: int
    from_run_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoodDown:
    """A policy that is taken off the pointer, and the run that this moves to; None where no other is to be trusted."""

    policy: str
    to_run_id: int | None


def complete_and_decide(
    session: Session, opt_run_id: int, total_segments: int, gate_failures: Sequence[str], *, allow_older: bool
) -> DecisionRecord:
    """End a running run as succeeded and decide whether it is activated. The caller commits.

    Raises:
        RunNotRunning: when the run has failed in the meantime: an orphan of a killed worker must not activate it.
        EntityInvalid: when it is a challenger's run.
    """
    run, entity = locked(session, opt_run_id)
    if run.is_challenger:
        raise EntityInvalid(f"run {run.run_code} cannot be activated: {ONLY_PROMOTED}")
    if run.status == "succeeded":
        return first_decision(session, entity, opt_run_id)
    complete(session, run, total_segments)
    verdict = decide(
        _age(run),
        _active_age(session, entity),
        entity.status,
        [*_outdated(session, run), *stood_down_on(session, entity, run), *gate_failures],
        allow_older=allow_older,
        is_sandbox=run.is_sandbox,
    )
    return record(session, entity, run, verdict, run.triggered_by)


def complete(session: Session, run: Run, total_segments: int) -> None:
    """End a run that is locked as succeeded.

    Raises:
        RunNotRunning: when it has failed in the meantime.
    """
    if run.status != "running":
        raise RunNotRunning(f"run {run.run_code} is {run.status}: {run.error_message or 'it cannot be activated'}")
    run.status, run.finished_at, run.total_segments = "succeeded", func.clock_timestamp(), total_segments
    session.flush()  # a pointer may only refer to a run that has succeeded


def activate_manually(session: Session, opt_run_id: int, decided_by: str, reason: str) -> DecisionRecord:
    """Activate a succeeded run by a manual decision, whatever its gates and window.

    The caller has verified its outputs, and commits at once: nothing is asked of S3 while the entity is locked.

    Raises:
        EntityInvalid: when the entity is not active, or the run did not succeed or is a what-if run.
    """
    run, entity = locked(session, opt_run_id)
    _require_own(run)
    if run.status != "succeeded":
        raise EntityInvalid(f"run {run.run_code} is {run.status}: only a succeeded run can be activated")
    if entity.status != "active":
        raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before activating a run")
    if entity.active_run_id == opt_run_id:
        raise EntityInvalid(f"run {run.run_code} is already active")
    return record(session, entity, run, Verdict(Decision.ACTIVATED, (reason,)), decided_by)


def roll_back(
    session: Session, entity_code: str, decided_by: str, reason: str, to: int | None = None
) -> DecisionRecord:
    """Move an entity's pointer back to the previously active run, or to run `to`.

    The caller has verified its outputs, and commits at once: nothing is asked of S3 while the entity is locked.

    Raises:
        NotFound: when no earlier run was active, or run `to` does not belong to the entity.
        EntityInvalid: when the run is active already, was never active, or is a what-if run; when the entity is
            removed.
    """
    entity = entities.find(session, entity_code, lock=True)
    target = to if to is not None else active_before(session, entity)
    run = session.get(Run, target, populate_existing=True) if target is not None else None
    if run is None or run.entity_id != entity.entity_id or run.status != "succeeded":
        raise NotFound(f"{entity_code} has no earlier succeeded run to roll back to; `runs list` shows its runs")
    _require_own(run)
    if entity.status == "retired":
        raise EntityInvalid(f"{entity_code} is removed: resume it before rolling it back")
    if run.run_id == entity.active_run_id:
        raise EntityInvalid(f"run {run.run_code} is already active")
    if run.run_id not in {move.run_id for move in history.moves_before(session, entity, None)}:
        raise EntityInvalid(
            f"run {run.run_code} was never active, and a roll back goes to one that was: `rtb activate` activates it"
        )
    return record(session, entity, run, Verdict(Decision.ROLLED_BACK, (reason,)), decided_by)


def stand_down(
    session: Session, entity_code: str, policy: str, reasons: Sequence[str], is_intact: Callable[[int], bool]
) -> DecisionRecord | None:
    """Take a harmful policy off the pointer: back to the last run of another policy that was not found harmful.

    Where there is none, bidders bid 1, as before the first activation. None when another policy is active meanwhile, or
    this one has stood down already. The caller commits.

    Args:
        session: On the catalog.
        entity_code: The entity.
        policy: The policy that was found harmful.
        reasons: The figures that show it.
        is_intact: Whether the outputs of a run are what was written, as the caller found out before.
    """
    entity = entities.find(session, entity_code, lock=True)
    run = session.get(Run, entity.active_run_id, populate_existing=True) if entity.active_run_id else None
    known = policies.harmful(session, entity)
    if run is None or policies.policy_of(run) != policy or policy in known:
        return None
    target = _last_of_another_policy(session, entity, {policy, *known}, is_intact)
    return record(session, entity, run, Verdict(Decision.STOOD_DOWN, tuple(reasons)), AUTO, StoodDown(policy, target))


def _last_of_another_policy(
    session: Session, entity: Entity, harmful: set[str], is_intact: Callable[[int], bool]
) -> int | None:
    """Return the run that was active last of all whose policy is not harmful and whose outputs are there."""
    moves = history.moves_before(session, entity, None)
    by_policy = policies.policies_of(session, [move.run_id for move in moves])
    for move in reversed(moves):
        target = move.to_run_id if move.decision == Decision.STOOD_DOWN else move.run_id
        if target is not None and by_policy.get(target) not in harmful and is_intact(target):
            return target
    return None


def stood_down_on(session: Session, entity: Entity, run: Run) -> list[str]:
    """Return why a run is held whose policy was found harmful; nothing of any other run."""
    decision = policies.harmful(session, entity).get(policies.policy_of(run))
    if decision is None:
        return []
    since = f"its policy stood down on {decision.decided_at:%F}: {'; '.join(decision.reasons)}"
    return [f"{since}; change the configuration, or activate a run of this policy by hand to go on with it"]


def _outdated(session: Session, run: Run) -> list[str]:
    """Return why a run is held that began before a challenger was promoted: its configuration is the one before."""
    own = select(Challenger).where(Challenger.entity_id == run.entity_id, Challenger.result == Decision.PROMOTED)
    since = session.scalars(own.where(Challenger.ended_at >= run.started_at).limit(1)).one_or_none()
    return [] if since is None else [f"challenger {since.challenger_id} was promoted while this run ran"]


def moved_from(session: Session, entity: Entity) -> int | None:
    """Return the run that was active before the last move of the pointer, forward or back."""
    last = history.last_move(session, entity)
    return last.from_run_id if last else None


def active_before(session: Session, entity: Entity) -> int | None:
    """Return the run that the active run replaced when it was activated, so that a second roll back goes further back.

    The origin of a roll back is ignored: the next roll back would otherwise restore the run that was just left.
    """
    return session.scalar(
        select(RunDecision.from_run_id)
        .where(RunDecision.entity_id == entity.entity_id, RunDecision.run_id == entity.active_run_id)
        .where(RunDecision.decision.in_((Decision.ACTIVATED, Decision.PROMOTED)))
        .order_by(RunDecision.decision_number.desc())
        .limit(1)
    )


def locked(session: Session, opt_run_id: int) -> tuple[Run, Entity]:
    """Lock the run, then its entity, and reread both under the locks.

    FOR NO KEY UPDATE: decisions on other runs refer to this run, and must not wait for this lock (deadlock).
    """
    own = select(Run).where(Run.run_id == opt_run_id)
    own = own.with_for_update(key_share=True).execution_options(populate_existing=True)
    run = locks.locking(session, own, f"run {opt_run_id}").scalars().one_or_none()
    if run is None:
        raise NotFound(f"no run {opt_run_id}")
    its = select(Entity).where(Entity.entity_id == run.entity_id)
    its = its.with_for_update(key_share=True).execution_options(populate_existing=True)
    return run, locks.locking(session, its, f"the entity of run {opt_run_id}").scalars().one()


def _require_own(run: Run) -> None:
    if run.is_sandbox or run.is_challenger:
        why = NEVER_ACTIVATED if run.is_sandbox else ONLY_PROMOTED
        raise EntityInvalid(f"run {run.run_code} cannot be activated: {why}")


def record(
    session: Session,
    entity: Entity,
    run: Run,
    verdict: Verdict,
    decided_by: str,
    stood_down: StoodDown | None = None,
) -> DecisionRecord:
    """Add a decision to the history of an entity whose row is locked, and move its pointer where the decision does."""
    facts = select(func.max(RunDecision.decision_number), func.max(RunDecision.decided_at))
    last, decided_last = session.execute(facts.where(RunDecision.entity_id == entity.entity_id)).one()
    active_before_move = entity.active_run_id
    session.add(
        RunDecision(
            entity_id=entity.entity_id,
            decision_number=(last or 0) + 1,
            # Of the commit that follows, later than the one before: the transaction may have begun long ago.
            decided_at=func.greatest(func.clock_timestamp(), _just_after(decided_last)),
            run_id=run.run_id,
            decision=verdict.decision,
            from_run_id=active_before_move,
            decided_by=decided_by,
            reasons=list(verdict.reasons),
            harmful_policy=stood_down.policy if stood_down else None,
            to_run_id=stood_down.to_run_id if stood_down else None,
        )
    )
    if verdict.decision in MOVES:
        entity.active_run_id = stood_down.to_run_id if stood_down else run.run_id
    session.flush()
    return DecisionRecord(verdict.decision, verdict.reasons, entity.entity_code, run.run_id, active_before_move)


def _just_after(decided_last: datetime | None) -> datetime | None:
    return decided_last + timedelta(microseconds=1) if decided_last else None


def first_decision(session: Session, entity: Entity, opt_run_id: int) -> DecisionRecord:
    """Return the decision on a run that was made when it ended."""
    row = session.scalars(
        select(RunDecision).where(RunDecision.run_id == opt_run_id).order_by(RunDecision.decision_number).limit(1)
    ).one()
    return DecisionRecord(Decision(row.decision), tuple(row.reasons), entity.entity_code, opt_run_id, row.from_run_id)


def _age(run: Run) -> RunAge:
    return RunAge(run.run_id, run.data_end)


def _active_age(session: Session, entity: Entity) -> RunAge | None:
    active = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    return _age(active) if active else None
