"""What keeps the catalog true when nobody is looking? The sweep, the manifest and the copies of the pointers."""

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from rtb_optimizer.errors import CopiesNotReconciled
from rtb_optimizer.store import active_copy, connections, entities, failures, manifest_export
from rtb_optimizer.store.runs import Attempt

CLI_DAG_ID = "cli"
CLI_RUN_LIMIT = timedelta(hours=24)
ALIVE = ("queued", "running")

log = logging.getLogger(__name__)


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
        return manifest_export.export(session)


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
