"""Builds the request for a run from an Airflow dag run: its window, its overrides, and who started it."""

from airflow.sdk import Context

from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.errors import WindowInvalid
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.store.runs import Attempt

WINDOW_PARAMS = ("data_start", "data_end")


def request_of(entity_code: str, context: Context) -> RunRequest:
    """Build the request for a run from a task's context.

    Raises:
        WindowInvalid: for a backfill with its own dates: its window is its data interval.
    """
    dag_run, params = context["dag_run"], dict(context["params"])
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    dates = {name: params.pop(name, None) for name in WINDOW_PARAMS}
    if run_type == "backfill" and any(dates.values()):
        raise WindowInvalid("a backfill takes its window from the schedule: leave data_start and data_end empty")
    window = WindowRequest(
        now=dag_run.run_after,
        interval_start=context.get("data_interval_start"),
        interval_end=context.get("data_interval_end"),
        **dates,
    )
    return RunRequest(
        entity_code=entity_code,
        attempt=Attempt(dag_run.dag_id, dag_run.run_id, dag_run.clear_number or 0),
        window=window,
        triggered_by=triggered_by(run_type, dag_run.triggering_user_name),
        overrides=params,
        form_only=True,
    )


def triggered_by(run_type: str, user: str | None) -> str:
    """Return who started a run, in one word: `schedule`, `manual:<user>`, `backfill:<user>`."""
    return "schedule" if run_type == "scheduled" else f"{run_type}:{user or 'unknown'}"
