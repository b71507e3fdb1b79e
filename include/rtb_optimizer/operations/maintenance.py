"""What keeps the catalog true when nobody is looking? The sweep, the manifest, the pointers, the audit."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.alerts import of_active
from rtb_optimizer.errors import ActiveOutputsBroken, CopiesNotReconciled
from rtb_optimizer.store import (
    active_copy,
    alerts,
    connections,
    dag_list_export,
    entities,
    failures,
    validity,
    verification,
)
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Run

CLI_RUN_LIMIT = timedelta(hours=24)
ALIVE = ("queued", "running")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit found of an entity's active run: `problems` in words, none where all is what was written."""

    entity_code: str
    run_id: int
    run_code: str
    valid_until: datetime | None
    is_stale: bool
    problems: tuple[str, ...]


def sweep_runs(dag_run_state: Callable[[str, str], str]) -> int:
    """End every running run whose dag run is over; return how many.

    `dag_run_state(dag_id, dag_run_id)` says `queued`, `running`, `success`, `failed` or `deleted`. Where it cannot
    say, the others are swept all the same, and its exception is raised at the end.
    """
    swept, problems = 0, []
    with connections.session() as session:
        for attempt in failures.running_attempts(session):
            try:
                swept += _swept(session, attempt, dag_run_state) if attempt.dag_id != CLI_DAG_ID else 0
            except Exception as problem:
                log.warning("the state of %s of %s", attempt.dag_run_id, attempt.dag_id, exc_info=True)
                session.rollback()
                problems.append(problem)
        swept += failures.fail_abandoned(session, CLI_DAG_ID, CLI_RUN_LIMIT)
        session.commit()
    if problems:
        raise problems[0]
    return swept


def _swept(session: Session, attempt: Attempt, dag_run_state: Callable[[str, str], str]) -> int:
    state = dag_run_state(attempt.dag_id, attempt.dag_run_id)
    if state in ALIVE:
        return 0
    ended = failures.fail(session, attempt, f"swept: the dag run is {state}, and nothing else told of it")
    session.commit()  # asking for the next one takes time, in which no row must stay locked
    return ended


def export_manifest() -> int:
    """Write the entity manifest; return how many entities it has."""
    with connections.session() as session:
        return dag_list_export.export(session)


def reconcile_active_copies() -> int:
    """Repair each entity's active.json; return how many had to be written. One that fails does not stop the others.

    Raises:
        CopiesNotReconciled: at the end, naming those that failed and why.
    """
    repaired, problems = 0, []
    with connections.session() as session:
        for code in [entity.entity_code for entity in entities.all_entities(session)]:
            try:
                repaired += active_copy.refresh(session, code)
            except Exception as problem:
                log.warning("active.json of %s", code, exc_info=True)
                session.rollback()
                problems.append(f"{code}: {' '.join(str(problem).split())}")
    if problems:
        raise CopiesNotReconciled(f"active.json is not what the catalog says: {'; '.join(problems)}")
    return repaired


def audit(entity_code: str = "", now: datetime | None = None) -> list[Audited]:
    """Read back every output of every active run, or of one entity's; nothing is repaired.

    Raises:
        NotFound: when there is no entity of that code.
    """
    now = now or datetime.now(UTC)
    with connections.session() as session:
        named = [entities.find(session, entity_code)] if entity_code else entities.all_entities(session)
        return [_audited(session, each.entity_code, now) for each in named if each.active_run_id is not None]


def audit_active_outputs(now: datetime | None = None) -> int:
    """Audit every entity; return how many have an active run. Stale ones are a warning in the log.

    Raises:
        ActiveOutputsBroken: naming every output, of every entity, that is not what was written.
    """
    found = audit(now=now)
    for each in found:
        if each.is_stale:
            log.warning("%s", stale_words(each))
    _raise_alerts(found)
    require_sound(found)
    return len(found)


def _raise_alerts(found: Sequence[Audited]) -> None:
    """Remember what somebody should hear of. A paused entity's run grows stale because that was asked for."""
    with connections.session() as session:
        running = {entity.entity_code for entity in entities.all_entities(session) if entity.status == "active"}
        for each in found:
            stale_since = each.valid_until if each.is_stale and each.entity_code in running else None
            alerts.remember(session, each.run_id, of_active(each.run_code, stale_since, each.problems))
        session.commit()


def require_sound(found: Sequence[Audited]) -> None:
    """Raise ActiveOutputsBroken with all problems of an audit, if there are any; stale runs are named along."""
    broken = [f"{each.entity_code}, run {each.run_code}: {'; '.join(each.problems)}" for each in found if each.problems]
    if broken:
        stale = [stale_words(each) for each in found if each.is_stale]
        raise ActiveOutputsBroken(
            f"active outputs are not what was written: {' | '.join([*broken, *stale])}: roll back, or run again"
        )


def stale_words(each: Audited) -> str:
    """Say that a run is past its time, and what follows."""
    return (
        f"{each.entity_code}, run {each.run_code}: stale since {each.valid_until:%F %R} UTC, "
        "readers have fallen back to their default bid"
    )


def _audited(session: Session, entity_code: str, now: datetime) -> Audited:
    entity = entities.find(session, entity_code)
    run, until = session.get_one(Run, entity.active_run_id), None
    who = entity_code, run.run_id, run.run_code
    try:
        until = validity.active_valid_until(session, [entity.entity_id]).get(entity.entity_id)
        problems = verification.output_problems(session, ObjectStore.of(entity.s3_base_path), run.run_id)
    except Exception as problem:  # one entity that cannot be read must not hide the others
        log.warning("the active outputs of %s", entity_code, exc_info=True)
        problems = [f"it cannot be audited: {' '.join(str(problem).split())}"]
    session.rollback()  # reading the next one's takes time, in which no table must stay locked
    return Audited(*who, until, validity.told(until, now)["is_stale"], tuple(problems))
