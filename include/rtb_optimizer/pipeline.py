"""How does a whole run go without Airflow? The same steps, in the same order, in one process."""

import logging
from collections.abc import Callable

from rtb_optimizer import steps
from rtb_optimizer.run_request import RunRequest
from rtb_optimizer.store import connections, failures
from rtb_optimizer.store.activation import Decided

log = logging.getLogger(__name__)

STEPS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("wait_for_logs", steps.require_partitions),
    ("select_features", steps.select_features),
    ("build_segments", steps.build_segments),
    ("map_ad_macros", steps.map_ad_macros),
    ("write_outputs", steps.write_outputs),
)


def run(request: RunRequest, on_step: Callable[[str, int], None] = lambda _step, _count: None) -> Decided:
    """Run every step; `on_step` hears each step's name and count. A failure lands in opt_runs and is raised."""
    opt_run_id = steps.create_run(request)
    step = "create_run"
    try:
        for step, function in STEPS:
            on_step(step, function(opt_run_id))
        step = "activate_run"
        return steps.activate_run(opt_run_id)
    except BaseException as problem:
        with connections.session() as session:
            failures.fail_run(session, opt_run_id, f"{step}: {type(problem).__name__}: {problem}")
            session.commit()
        raise
