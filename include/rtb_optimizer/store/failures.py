"""Records failures in opt_runs.

Three layers report them, since each misses cases: the failed task (which has the exception), the failed dag run, and
the sweep over runs without a live dag run. Each may report twice; a run that has ended is not changed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.window import WindowRequest, WindowRules, resolve_window, zone
from rtb_optimizer.core.decision.alerts import of_failure
from rtb_optimizer.store import alerts, entities
from rtb_optimizer.store.runs import CLI_DAG_ID, MAX_ERROR_LENGTH, Attempt, create
from rtb_optimizer.store.schema import Run

UNKNOWN_WINDOW = " (this row shows the last complete day: its window is not known)"


def fail(session: Session, attempt: Attempt, message: str) -> int:
    """End an attempt's run, and older ones of its dag run, as failed; return the number that were still running."""
    of_dag_run = Run.airflow_dag_id == attempt.dag_id, Run.airflow_run_id == attempt.dag_run_id
    return _end(session, message, *of_dag_run, Run.clear_number <= attempt.clear_number)


def fail_uncreated(session: Session, attempt: Attempt, entity_code: str, triggered_by: str, message: str) -> int:
    """Record a run that failed before it had a row, as when its first task is killed; return how many there are.

    Raises:
        NotFound: when there is no such entity.
    """
    of_dag_run = Run.airflow_dag_id == attempt.dag_id, Run.airflow_run_id == attempt.dag_run_id
    if session.scalar(select(func.count()).where(*of_dag_run, Run.clear_number >= attempt.clear_number)):
        return 0
    window = resolve_window(WindowRequest(datetime.now(UTC)), zone("UTC"), WindowRules())
    run = create(session, entities.find(session, entity_code), attempt, window, {}, triggered_by)
    return fail_run(session, run.run_id, f"{message}{UNKNOWN_WINDOW}")


def fail_run(session: Session, opt_run_id: int, message: str) -> int:
    """End one run as failed; return 0 when it had already ended."""
    return _end(session, message, Run.run_id == opt_run_id)


def running_attempts(session: Session) -> Sequence[Attempt]:
    """Return the attempts of all running runs, for the sweep."""
    rows = session.scalars(select(Run).where(Run.status == "running").order_by(Run.run_id))
    return [Attempt(run.airflow_dag_id, run.airflow_run_id, run.clear_number) for run in rows]


def of_command_line(session: Session, older_than: timedelta) -> Sequence[int]:
    """Return the running runs of the command line, which no scheduler monitors, that began long enough ago."""
    began = Run.started_at < func.now() - older_than
    own = select(Run.run_id).where(Run.airflow_dag_id == CLI_DAG_ID, Run.status == "running", began)
    return session.scalars(own.order_by(Run.run_id)).all()


def _end(session: Session, message: str, *which: ColumnElement[bool]) -> int:
    ended = session.execute(
        update(Run)
        .where(*which, Run.status == "running")
        .values(status="failed", finished_at=func.now(), error_message=_storable(message))
        .returning(Run.run_id, Run.run_code, Run.airflow_dag_id, Run.error_message, Run.is_sandbox)
    ).all()
    for run_id, run_code, dag_id, error, is_sandbox in ended:
        if dag_id != CLI_DAG_ID and not is_sandbox:  # who waits for these sees the error
            alerts.record(session, run_id, [of_failure(run_code, error or "")])
    return len(ended)


def _storable(message: str) -> str:
    """Return a message that PostgreSQL accepts: exceptions may quote bytes of logs that are not text."""
    return message.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_ERROR_LENGTH]
