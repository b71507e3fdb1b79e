"""One dag run's tasks as Airflow runs them: in order, retried as the DAG defines, with failures in opt_runs."""

from contextlib import suppress
from types import SimpleNamespace

from sqlalchemy.exc import OperationalError

from rtb_optimizer.dag import callbacks
from rtb_optimizer.dag.retries import RETRY_POLICY
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.create_run import create_run

STEPS = (*in_process.STEPS, ("activate_run", activate_run))


class TaskFailed(Exception):
    """The last try of a task raised; `problem` is what."""

    def __init__(self, task, problem):
        super().__init__(f"{task}: {problem}")
        self.task, self.problem = task, problem


def run_tasks(request, effects=None, tries=1, *, reported=True):
    """Run every task of a request; return the id, or raise TaskFailed. `effects` gets the name of each task."""

    def task(name, function, *arguments):
        if effects is not None:
            effects.step = name
        for number in range(1, tries + 1):
            try:
                return function(*arguments)
            except Exception as problem:
                policy = RETRY_POLICY.evaluate(problem, number, tries)
                if number == tries or policy.action == "fail":
                    if reported and name not in in_process.BESIDE:
                        with suppress(OperationalError):  # Airflow logs what a callback raises, and goes on
                            callbacks.task_failed(context_of(request.attempt, name, number, problem))
                    raise TaskFailed(name, problem) from problem
        raise AssertionError

    opt_run_id = task("create_run", create_run, request)
    for name, function in STEPS:
        try:
            task(name, function, opt_run_id)
        except TaskFailed:
            if name not in in_process.BESIDE:
                raise
    return opt_run_id


def context_of(attempt, task_id, try_number, problem):
    """Return Airflow's context of a failed task, as far as our callback reads it."""
    dag_run = SimpleNamespace(dag_id=attempt.dag_id, run_id=attempt.dag_run_id, clear_number=attempt.clear_number)
    return {"ti": SimpleNamespace(task_id=task_id, try_number=try_number), "dag_run": dag_run, "exception": problem}
