"""Runs all steps in one process, without Airflow."""

import logging
from collections.abc import Callable

from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.map_ad_macros import map_ad_macros
from rtb_optimizer.steps.measure_live import measure_live
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.wait_for_logs import require_partitions
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import connections, failures
from rtb_optimizer.store.activation import DecisionRecord

log = logging.getLogger(__name__)

STEPS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("wait_for_logs", require_partitions),
    ("select_features", select_features),
    ("measure_live", measure_live),
    ("build_segments", build_segments),
    ("map_ad_macros", map_ad_macros),
    ("write_outputs", write_outputs),
)

BESIDE = ("measure_live",)
"""Steps that keep no run from being made."""


def run(request: RunRequest, on_step: Callable[[str, int], None] = lambda _step, _count: None) -> DecisionRecord:
    """Run every step; `on_step` hears each step's name and count. A failure lands in opt_runs and is raised."""
    return finish(create_run(request), on_step)


def finish(opt_run_id: int, on_step: Callable[[str, int], None] = lambda _step, _count: None) -> DecisionRecord:
    """Run the steps of a run that was created, as `run` does."""
    step = "create_run"
    try:
        for step, function in STEPS:
            try:
                on_step(step, function(opt_run_id))
            except Exception:
                if step not in BESIDE:
                    raise
                log.warning("%s failed; the run goes on without it", step, exc_info=True)
        step = "activate_run"
        return activate_run(opt_run_id)
    except BaseException as problem:
        with connections.session() as session:
            failures.fail_run(session, opt_run_id, f"{step}: {type(problem).__name__}: {problem}")
            session.commit()
        raise
