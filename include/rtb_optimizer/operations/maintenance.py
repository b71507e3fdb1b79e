"""Maintenance: sweeps runs, exports the DAG list, reconciles active.json copies, audits active outputs."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.alerts import of_active, of_copy
from rtb_optimizer.errors import ActiveOutputsBroken, CopiesNotReconciled
from rtb_optimizer.store import (
    active_copy,
    alerts,
    challenger_runs,
    challengers,
    connections,
    copy_audit,
    dag_list_export,
    entities,
    failures,
    history,
    leases,
    validity,
    verification,
)
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Run

LEASED_WITHIN = timedelta(minutes=1)  # between a run's row and its lease
ALIVE = ("queued", "running")
REMOVED = "retired"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The audit of an entity's active run; `problems` are sentences, none when every output is as written.

    Without an active run only active.json is compared. `copy_problem` is how it differs from the catalog.
    """

    entity_code: str
    run_id: int | None
    run_code: str | None
    valid_until: datetime | None
    is_stale: bool
    problems: tuple[str, ...]
    copy_problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """How many copies were written, how many are right, and the problems of the others as sentences, by entity."""

    repaired: int
    intact: int
    problems: Mapping[str, str]

    def error(self) -> CopiesNotReconciled:
        """Return the error that names every problem."""
        named = "; ".join(f"{code}: {problem}" for code, problem in self.problems.items())
        return CopiesNotReconciled(f"active.json does not match the catalog: {named}")


def sweep_runs(dag_run_state: Callable[[str, str], str]) -> int:
    """End every running run whose dag run is over; return the number ended.

    `dag_run_state(dag_id, dag_run_id)` returns `queued`, `running`, `success`, `failed` or `deleted`. If it raises
    for one run, the others are still swept, and the first exception is raised at the end.
    """
    swept, problems = 0, []
    with connections.session() as session:
        for attempt in failures.running_attempts(session):
            try:
                swept += _sweep(session, attempt, dag_run_state) if attempt.dag_id != CLI_DAG_ID else 0
            except Exception as problem:
                log.warning("the state of %s of %s is unknown", attempt.dag_run_id, attempt.dag_id, exc_info=True)
                session.rollback()
                problems.append(problem)
        session.commit()
        swept += _sweep_command_line(session)
    if problems:
        raise problems[0]
    return swept


def _sweep(session: Session, attempt: Attempt, dag_run_state: Callable[[str, str], str]) -> int:
    state = dag_run_state(attempt.dag_id, attempt.dag_run_id)
    if state in ALIVE:
        return 0
    ended = failures.fail(session, attempt, f"swept: the dag run is {state}, and no callback reported it")
    session.commit()  # hold no lock while Airflow is queried for the next run
    return ended


def _sweep_command_line(session: Session) -> int:
    """End runs of the command line whose process has ended without recording it: nobody holds their lease."""
    free = [run for run in failures.of_command_line(session, LEASED_WITHIN) if leases.is_free(session, run)]
    if free:  # a process that lost its connection takes its lease again
        time.sleep(leases.RETAKEN_WITHIN_S)
    message = "its process on the command line has ended and could not record why: killed, or its machine is gone"
    ended = sum(failures.fail_run(session, run, message) for run in free if leases.is_free(session, run))
    session.commit()
    return ended


def export_dag_list() -> int:
    """Write the DAG list; return its number of entities."""
    with connections.session() as session:
        return dag_list_export.export(session)


def reconcile_active_copies() -> int:
    """Repair each entity's active.json; return the number written. A failure does not stop the others.

    Raises:
        CopiesNotReconciled: at the end, with those that failed and why, but for removed entities.
    """
    result = _reconcile()
    if result.problems:
        raise result.error()
    return result.repaired


def repair_active_copies() -> int:
    """Repair each entity's active.json; return the number written. An entity that fails raises one alert a day.

    Raises:
        CopiesNotReconciled: when it failed for every entity: the store or the connection is to blame.
    """
    result = _reconcile()
    if result.problems and not result.repaired + result.intact:
        raise result.error()
    with connections.session() as session:
        for code, problem in result.problems.items():
            move = history.last_move(session, entities.find(session, code))
            if move is not None:  # before the first activation there is no copy
                alerts.record_daily(session, move.run_id, of_copy(code, problem))
        session.commit()
    return result.repaired


def _reconcile() -> ReconcileResult:
    repaired, intact, problems = 0, 0, dict[str, str]()
    with connections.session() as session:
        for code, status in [(entity.entity_code, entity.status) for entity in entities.all_entities(session)]:
            try:
                is_written = active_copy.refresh(session, code)
                repaired, intact = repaired + is_written, intact + (not is_written)
            except Exception as problem:
                log.warning("active.json of %s was not reconciled", code, exc_info=True)
                session.rollback()
                if status != REMOVED:
                    problems[code] = " ".join(str(problem).split())
    return ReconcileResult(repaired, intact, problems)


def audit(entity_code: str = "", now: datetime | None = None) -> list[AuditResult]:
    """Read back every output of every active run and live challenger, or of one entity's, and active.json.

    Nothing is repaired. Removed entities are left out, unless named.

    Raises:
        NotFound: when no entity has that code.
    """
    now = now or datetime.now(UTC)
    with connections.session() as session:
        found = [entities.find(session, entity_code)] if entity_code else entities.all_entities(session)
        selected = [each.entity_code for each in found if entity_code or each.status != REMOVED]
        results = [_audit_entity(session, code, now) for code in selected]
        of_challengers = [_audit_challenger(session, code, now) for code in selected]
    found_of = [each for each in results if each.run_id is not None or each.copy_problem]
    return [*found_of, *(each for each in of_challengers if each is not None)]


def audit_active_outputs(now: datetime | None = None) -> int:
    """Audit every entity; return the number of runs that bidders read. Stale runs are logged as warnings.

    Raises:
        ActiveOutputsBroken: with every output that is missing or differs, of every entity.
    """
    results = audit(now=now)
    for result in results:
        if result.is_stale:
            log.warning("%s", stale_message(result))
    _record_alerts(results)
    require_intact(results)
    return sum(result.run_id is not None for result in results)


def _record_alerts(results: Sequence[AuditResult]) -> None:
    """Record the alerts of an audit. A paused entity's run becomes stale on purpose and raises none."""
    with connections.session() as session:
        active = {entity.entity_code for entity in entities.all_entities(session) if entity.status == "active"}
        for result in results:
            if result.run_id is None or result.run_code is None:
                continue
            stale_since = result.valid_until if result.is_stale and result.entity_code in active else None
            alerts.record(session, result.run_id, of_active(result.run_code, stale_since, result.problems))
            if result.copy_problem and not result.problems:
                alerts.record_daily(session, result.run_id, of_copy(result.entity_code, result.copy_problem))
        session.commit()


def require_intact(results: Sequence[AuditResult]) -> None:
    """Raise ActiveOutputsBroken with all problems of an audit, if there are any, and its stale runs."""
    broken = [
        f"{result.entity_code}, run {result.run_code}: {'; '.join(result.problems)}"
        for result in results
        if result.problems
    ]
    copies = [f"{result.entity_code}: {result.copy_problem}" for result in results if result.copy_problem]
    stale = [stale_message(result) for result in results if result.is_stale]
    if broken:
        outputs = " | ".join([*broken, *([] if copies else stale)])
        found = [f"active outputs are not what was written: {outputs}: roll back, or run again"]
    else:
        found = []
    if copies:
        found.append(f"active.json does not match the catalog: {' | '.join([*copies, *stale])}")
    if found:
        raise ActiveOutputsBroken("; ".join(found))


def stale_message(result: AuditResult) -> str:
    """Return the message about an expired run."""
    return (
        f"{result.entity_code}, run {result.run_code}: stale since {result.valid_until:%F %R} UTC, "
        "readers fall back to the default bid"
    )


def _audit_entity(session: Session, entity_code: str, now: datetime) -> AuditResult:
    entity = entities.find(session, entity_code)
    run = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    run_id, run_code = (run.run_id, run.run_code) if run else (None, None)
    until, problems, copy = None, list[str](), None
    try:
        if run_id is not None:
            until = validity.active_valid_until(session, [entity.entity_id]).get(entity.entity_id)
            problems = verification.output_problems(session, ObjectStore.of(entity.s3_base_path), run_id)
        copy = copy_audit.copy_problem(session, entity, now)
    except Exception as problem:  # one entity that cannot be read must not hide the others
        log.warning("the active outputs of %s cannot be audited", entity_code, exc_info=True)
        problems = [*problems, f"it cannot be audited: {' '.join(str(problem).split())}"]
    session.rollback()  # hold no lock while the next outputs are read
    is_stale = validity.validity_fields(until, now)["is_stale"]
    return AuditResult(entity_code, run_id, run_code, until, is_stale, tuple(problems), copy)


def _audit_challenger(session: Session, entity_code: str, now: datetime) -> AuditResult | None:
    """Read back the outputs of a challenger's live run; None where none is live beside an active run."""
    entity = entities.find(session, entity_code)
    challenger = challengers.open_one(session, entity) if entity.active_run_id is not None else None
    if challenger is None or challenger.run_id is None:
        return None
    run, until = session.get_one(Run, challenger.run_id), None
    run_id, run_code = run.run_id, run.run_code
    try:
        until = validity.run_valid_until(session, run, challenger_runs.live_since(session, run) or run.data_end)
        problems = verification.output_problems(session, ObjectStore.of(entity.s3_base_path), run_id)
    except Exception as problem:  # as above
        log.warning("the outputs of the challenger of %s cannot be audited", entity_code, exc_info=True)
        problems = [f"it cannot be audited: {' '.join(str(problem).split())}"]
    session.rollback()
    is_stale = validity.validity_fields(until, now)["is_stale"]
    return AuditResult(entity_code, run_id, run_code, until, is_stale, tuple(problems), None)
