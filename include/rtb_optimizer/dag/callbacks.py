"""Records failures of tasks and dag runs in opt_runs: two of three layers, the third is the sweep.

The task callback has the exception, but is not called for a killed process, a task marked by a user or a timeout of
the dag run. The dag callback covers those, except a whole dag run marked by a user: the listener and the sweep do.
Either may come twice or late: only a run that is still running, of the same attempt or an older one, is ended.
"""

import logging
from collections.abc import Sequence
from typing import Any

from rtb_optimizer.errors import described

TASK_FAILURE = "task_failure"  # Airflow's reason when a task has failed

log = logging.getLogger(__name__)


def task_failed(context: Any) -> None:  # noqa: ANN401 - Airflow's context is a plain mapping
    """End the run with the task's exception; there is none after a lost heartbeat: the worker died."""
    task, problem = context["ti"], context.get("exception")
    cause = "no heartbeat: its worker died" if problem is None else described(problem)
    _fail(context["dag_run"], f"{task.task_id} (try {task.try_number}): {cause}")


def dag_failed(context: Any) -> None:  # noqa: ANN401 - as above
    """End the run with the dag run's reason and the tasks that failed."""
    _fail(
        context["dag_run"], f"the dag run failed: {context.get('reason') or 'no reason given'}{_failed_tasks(context)}"
    )


def dag_run_failed(dag_run: Any, message: str) -> None:  # noqa: ANN401 - as above
    """End the run of a failed dag run, whatever the cause; no callback is called when a user marks it as failed.

    Failed tasks are named if they are the reason: this may run before the dag callback, which then changes nothing.
    """
    failed = _failed_of(dag_run) if message == TASK_FAILURE else []
    _fail(dag_run, f"the dag run failed: {message or 'no reason given'}{_task_list(failed)}")


def _failed_of(dag_run: Any) -> list[str]:  # noqa: ANN401 - as above
    from sqlalchemy.orm.exc import DetachedInstanceError

    try:
        return sorted(task.task_id for task in getattr(dag_run, "task_instances", ()) if task.state == "failed")
    except DetachedInstanceError:  # `airflow dags test` calls listeners after it has closed its session
        return []


def run_decided(context: Any) -> None:  # noqa: ANN401 - as above
    """Send the metrics of a decided run; only once, since a failed try does not call the success callback."""
    from rtb_optimizer.operations import metrics

    metrics.send_run(context["dag_run"].dag_id, context["dag_run"].run_id)


def _fail(dag_run: Any, message: str) -> None:  # noqa: ANN401 - as above
    from rtb_optimizer.store import connections, failures
    from rtb_optimizer.store.runs import Attempt
    from rtb_optimizer.store.seeds import OPT_CODE

    attempt = Attempt(dag_run.dag_id, dag_run.run_id, getattr(dag_run, "clear_number", None) or 0)
    prefix = f"{OPT_CODE}__"
    with connections.session() as session:
        ended = failures.fail(session, attempt, message)
        if not ended and attempt.dag_id.startswith(prefix):
            ended = _fail_uncreated(session, attempt, dag_run, message)
        session.commit()
    log.info("%s: %d run(s) ended: %s", dag_run.run_id, ended, message)


def _fail_uncreated(session: Any, attempt: Any, dag_run: Any, message: str) -> int:  # noqa: ANN401 - imported late
    """Record the run of a dag run whose create_run never came to make one: killed, or marked as failed before it."""
    from rtb_optimizer.dag.request import triggered_by
    from rtb_optimizer.errors import NotFound
    from rtb_optimizer.store import failures
    from rtb_optimizer.store.seeds import OPT_CODE

    run_type = getattr(dag_run, "run_type", None) or "manual"
    by = triggered_by(str(getattr(run_type, "value", run_type)), getattr(dag_run, "triggering_user_name", None))
    try:
        return failures.fail_uncreated(session, attempt, attempt.dag_id.removeprefix(f"{OPT_CODE}__"), by, message)
    except NotFound:
        log.warning("%s belongs to no entity of the catalog: nothing is recorded", attempt.dag_id)
        return 0


def _failed_tasks(context: Any) -> str:  # noqa: ANN401 - as above
    try:
        states = context["ti"].get_task_states(dag_id=context["dag_run"].dag_id, run_ids=[context["dag_run"].run_id])
        failed = sorted(task for task, state in states[context["dag_run"].run_id].items() if state == "failed")
    except (
        AttributeError,
        KeyError,
        NameError,
        RuntimeError,
    ):  # not every process with callbacks can query task states
        log.warning("the failed tasks cannot be read here", exc_info=True)
        failed = []
    return _task_list(failed)


def _task_list(failed: Sequence[str]) -> str:
    return f"; failed tasks: {', '.join(failed)}" if failed else ""


def dag_run_state(dag_id: str, dag_run_id: str) -> str:
    """Return the state of a dag run, `deleted` if it no longer exists; works inside a task only."""
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        state = get_current_context()["ti"].get_dagrun_state(dag_id=dag_id, run_id=dag_run_id)
    except AirflowRuntimeError as problem:
        if "not_found" not in str(problem):
            raise
        return "deleted"
    return str(getattr(state, "value", state))
