"""Runs all steps in one process, without Airflow."""

import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from rtb_optimizer.errors import described
from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.map_ad_macros import map_ad_macros
from rtb_optimizer.steps.measure_live import measure_live
from rtb_optimizer.steps.run_challenger import run_challenger
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.wait_for_logs import require_partitions
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import challenger_runs, connections, failures, leases, runs
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

RECORDING_TRIES, RECORDING_PAUSE_S = 6, 5.0
BESIDE = ("measure_live",)
"""Steps whose failure does not fail the run."""


def build_once() -> None:
    """Build what each process of a run builds when it first needs it, in the process that they are forks of."""
    Document.build_all()


def run(request: RunRequest, on_step: Callable[[str, int], None] = lambda _step, _count: None) -> DecisionRecord:
    """Run every step; `on_step` gets each step's name and count. A failure is recorded in opt_runs and raised."""
    return finish(create_run(request), on_step)


def finish(opt_run_id: int, on_step: Callable[[str, int], None] = lambda _step, _count: None) -> DecisionRecord:
    """Run the steps of a run that was created, as `run` does."""
    step = "create_run"
    try:
        with leases.held(opt_run_id):
            for step, function in STEPS:
                try:
                    on_step(step, function(opt_run_id))
                except Exception:
                    if step not in BESIDE:
                        raise
                    log.warning("%s failed; the run goes on without it", step, exc_info=True)
            step = "activate_run"
            record = activate_run(opt_run_id)
    except BaseException as problem:
        _record_failure(opt_run_id, f"{step}: {described(problem)}")
        raise
    _challenge(opt_run_id, on_step)
    return record


def _challenge(opt_run_id: int, on_step: Callable[[str, int], None]) -> None:
    """Make the challenger's run, where one is due; a failure is recorded in that run alone."""
    try:
        if made := run_challenger(opt_run_id):
            on_step("run_challenger", made)
    except BaseException as problem:
        with connections.session() as session:
            message = f"run_challenger: {described(problem)}"
            challenger_runs.fail_beside(session, runs.find(session, opt_run_id), message)
            session.commit()
        if not isinstance(problem, Exception):
            raise
        log.warning("run_challenger failed; the entity's own run is not affected", exc_info=True)


def _record_failure(opt_run_id: int, message: str) -> None:
    """Record a failure; an unavailable catalog is waited for; after that the sweep finds that the process has ended."""
    for tries_left in reversed(range(RECORDING_TRIES)):
        try:
            with connections.session() as session:
                failures.fail_run(session, opt_run_id, message)
                session.commit()
        except OperationalError:
            if not tries_left:
                log.exception("run %d could not be recorded as failed, the sweep does it: %s", opt_run_id, message)
                return
            time.sleep(RECORDING_PAUSE_S)
        else:
            return
