"""The nightly run of one entity: its RTB logs become a segment table that bidders read.

1. **create_run** freezes the configuration and the window into an `opt_runs` row.
2. **wait_for_logs** waits, without a worker slot, until the window's log partitions are complete.
3. **select_features** draws a sample and selects the features that carry signal on the outcome.
4. **build_segments** counts all rows and builds the segment table with its bid multipliers.
5. **map_ad_macros** maps the features to each ad platform's macros.
   **measure_live**, beside them, records the outcomes of the tables that were live in the window, by day and arm.
6. **write_outputs** writes the outputs to S3, the manifest last, and records them.
7. **activate_run** activates the run if it passes its gates and is newer in data than the active run; otherwise it is
   held or superseded, with reasons, and the active run stays active.
   **run_challenger**, after it, makes the run of the entity's challenger from the same reading of the logs, where one
   is open, and promotes or drops the challenger where the evidence shows which.

*Trigger* with `data_start` and `data_end` to run another window; leave a field empty to use the entity's own
configuration. Past days: the *Backfill* tab, or `airflow backfill create`. A failed run: clear the whole dag run.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetAlias, task

from rtb_optimizer.dag.callbacks import dag_failed, run_decided, task_failed
from rtb_optimizer.dag.entities import dags_of_file, schedule_of
from rtb_optimizer.dag.lineage import attach_lineage
from rtb_optimizer.dag.notifier import AlertNotifier
from rtb_optimizer.dag.retries import RETRY_POLICY
from rtb_optimizer.dag.sensors import WaitForLogs
from rtb_optimizer.store.dag_list import DagEntry

START = pendulum.datetime(2010, 1, 1, tz="UTC")  # before any log; catchup is off, backfills may go back this far
TASK_DEFAULTS = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_policy": RETRY_POLICY,
    "on_failure_callback": [task_failed, AlertNotifier()],
}


def nightly_run(entity: DagEntry) -> DAG:
    """Return the DAG of one entity."""
    activation = AssetAlias(f"rtb_activation/{entity.entity_code}")

    with DAG(
        dag_id=entity.dag_id,
        dag_display_name=f"{entity.entity_name} · {entity.dag_id}",
        schedule=schedule_of(entity),
        start_date=START,
        catchup=False,
        max_active_runs=4,
        dagrun_timeout=timedelta(days=2, hours=6),
        on_failure_callback=dag_failed,
        is_paused_upon_creation=False,
        doc_md=__doc__,
        tags=entity.tags,
        default_args=TASK_DEFAULTS | {"owner": entity.opt_code},
    ) as dag:

        @task(outlets=[activation], on_success_callback=[run_decided, AlertNotifier()])
        def activate_run(opt_run_id: int, outlet_events: Any = None) -> str:
            """Activate the run, or record why not; an activation updates the entity's asset."""
            from rtb_optimizer.steps.activate_run import activate_run

            record = activate_run(opt_run_id)
            if record.decision == "activated":  # an alias emits only the assets added to it: a held run emits none
                active = active_asset(entity.entity_code)
                outlet_events[activation].add(active, extra={"opt_run_id": opt_run_id})
            return str(record.decision)

        run = create_run(entity.entity_code)
        waited = WaitForLogs(task_id="wait_for_logs", opt_run_id=run)
        selected = select_features(run)
        # Segments and macros need the features only; outputs need both.
        activated, challenged = activate_run(run), run_challenger(run)
        waited >> selected >> [build_segments(run), map_ad_macros(run)] >> write_outputs(run) >> activated
        selected >> measure_live(run) >> challenged
        activated >> challenged
    attach_lineage(dag)
    return dag


@task
def create_run(entity_code: str, **context: Any) -> int:
    """Freeze configuration and window into a run."""
    from rtb_optimizer.dag.request import request_of
    from rtb_optimizer.steps.create_run import create_run

    return create_run(request_of(entity_code, context))


@task
def select_features(opt_run_id: int) -> int:
    """Select the features that carry signal on the outcome."""
    from rtb_optimizer.steps.select_features import select_features

    return select_features(opt_run_id)


# No failure callback: the run does not need this task, so its failure does not end the run.
@task(on_failure_callback=None)
def measure_live(opt_run_id: int) -> int:
    """Record the outcomes of the tables that were live in the window."""
    from rtb_optimizer.steps.measure_live import measure_live

    return measure_live(opt_run_id)


# No failure callback: the challenger's run is another one, which the callback of the dag run ends.
@task(on_failure_callback=None, on_success_callback=[AlertNotifier()])
def run_challenger(opt_run_id: int) -> int:
    """Make the run of the entity's challenger, where one is open."""
    from rtb_optimizer.steps.run_challenger import run_challenger

    return run_challenger(opt_run_id)


@task
def build_segments(opt_run_id: int) -> int:
    """Build the segment table from all rows of the window."""
    from rtb_optimizer.steps.build_segments import build_segments

    return build_segments(opt_run_id)


@task
def map_ad_macros(opt_run_id: int) -> int:
    """Map the features to each platform's macros."""
    from rtb_optimizer.steps.map_ad_macros import map_ad_macros

    return map_ad_macros(opt_run_id)


@task
def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, and record them."""
    from rtb_optimizer.steps.write_outputs import write_outputs

    return write_outputs(opt_run_id)


def active_asset(entity_code: str) -> Asset:
    """Return the asset that is updated when an entity's active run changes, to schedule downstream DAGs on."""
    # By name alone: with a URI, every parse would import all providers to find the one that normalizes its scheme.
    return Asset(name=f"rtb_active/{entity_code}", group="rtb_optimizer")


# One DAG per entity. Copies of this file, as rtb_optimizer_entities_2.py, divide the entities among them.
globals().update(dags_of_file(__file__, nightly_run))
