"""The nightly run of one entity: its RTB logs become a segment table that bidders read.

1. **create_run** freezes the configuration and the window into an `opt_runs` row.
2. **wait_for_logs** waits, without a worker slot, until the window's log partitions are complete.
3. **select_features** draws a sample and selects the features that carry signal on the outcome.
4. **build_segments** counts all rows and builds the segment table with its bid multipliers.
5. **map_ad_macros** maps the features to each ad platform's macros.
6. **write_outputs** writes the outputs to S3, the manifest last, and records them.
7. **activate_run** makes the run the active one if it is better than nothing and newer than what is live; otherwise
   it is held or superseded, with reasons, and what was active stays active.

*Trigger* with `data_start` and `data_end` to run another window; leave a field empty to use the entity's own
configuration. Past days: the *Backfill* tab, or `airflow backfill create`. A failed run: clear the whole dag run.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pendulum
from airflow.sdk import (
    DAG,
    Asset,
    AssetAlias,
    CronDataIntervalTimetable,
    ExceptionRetryPolicy,
    ParamsDict,
    RetryAction,
    RetryRule,
    get_parsing_context,
    task,
)

from rtb_optimizer import manifest
from rtb_optimizer.callbacks import dag_failed, run_decided, task_failed
from rtb_optimizer.errors import ManifestInvalid, MayPass, RtbOptimizerError
from rtb_optimizer.notifier import AlertNotifier
from rtb_optimizer.sensors import WaitForLogs
from rtb_optimizer.trigger_form import trigger_form

START = pendulum.datetime(2010, 1, 1, tz="UTC")  # before any log; catchup is off, backfills may go back this far
TAG_LENGTH = 100
TASK_DEFAULTS = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    # What our other errors say stays true however often it is tried. The first rule that matches decides.
    "retry_policy": ExceptionRetryPolicy(
        [
            RetryRule(exception=MayPass, action=RetryAction.DEFAULT),
            RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL),
        ]
    ),
    "on_failure_callback": [task_failed, AlertNotifier()],
}

log = logging.getLogger(__name__)


def shard_dags(shard_file: str) -> dict[str, DAG]:
    """Return the DAGs of one shard file, by id: the entities whose code hashes to its place among its siblings.

    A task start builds its own DAG only. An entity that cannot be built is logged and left out, and a manifest that
    cannot be read yields none: an import error would take every DAG of the file down.
    """
    shards = sorted(path.name for path in Path(shard_file).parent.glob("shard_*.py"))
    place, only = shards.index(Path(shard_file).name), get_parsing_context().dag_id
    dags: dict[str, DAG] = {}
    try:
        document = manifest.load(manifest.path())
        forms = {name: trigger_form(fields) for name, fields in document["forms"].items()}
    except (ManifestInvalid, LookupError, TypeError, ValueError):
        log.exception("no entity has a DAG")
        return dags
    for entry in document["entities"]:
        try:
            dag_id = f"{entry['opt_code']}__{entry['entity_code']}"
            if crc32(dag_id.encode()) % len(shards) == place and only in (None, dag_id):
                dags[dag_id] = entity_dag(dag_id, entry, forms[entry["form"]])
        except Exception:  # whatever is wrong with one entity must not touch another
            log.exception("an entity has no DAG: %.200r", entry)
    return dags


def entity_dag(dag_id: str, entry: Mapping[str, Any], form: ParamsDict) -> DAG:
    """Build one entity's DAG from its entry in the manifest."""
    code = entry["entity_code"]
    schedule = CronDataIntervalTimetable(entry["schedule"], timezone=entry["timezone"])
    schedule.validate()  # here, where it concerns one entity; Airflow's own check would fail the whole file
    alias, active = AssetAlias(f"rtb_activation/{code}"), active_asset(code)
    with DAG(
        dag_id=dag_id,
        dag_display_name=f"{entry['entity_name']} · {dag_id}",
        schedule=schedule,
        start_date=START,
        catchup=False,
        max_active_runs=4,
        dagrun_timeout=timedelta(days=2, hours=6),
        on_failure_callback=dag_failed,
        is_paused_upon_creation=False,
        doc_md=__doc__,
        tags=[entry["opt_code"], f"type:{entry['object_type']}"[:TAG_LENGTH], f"version:{entry['version_code']}"],
        default_args=TASK_DEFAULTS | {"owner": entry["opt_code"]},
    ) as dag:

        @task(outlets=[alias], on_success_callback=[run_decided, AlertNotifier()])
        def activate_run(opt_run_id: int, outlet_events: Any = None) -> str:  # noqa: ANN401 - Airflow's accessor
            from rtb_optimizer import steps

            decided = steps.activate_run(opt_run_id)
            if decided.decision == "activated":  # an alias emits only what is added: held runs tell nobody
                outlet_events[alias].add(active, extra={"opt_run_id": opt_run_id})
            return str(decided.decision)

        run: Any = create_run(code)  # the id to be, which TaskFlow's types call an int already
        waited = WaitForLogs(task_id="wait_for_logs", opt_run_id=run)
        selected = select_features(run)
        # Segments and macros need the features only; outputs need both.
        waited >> selected >> [build_segments(run), map_ad_macros(run)] >> write_outputs(run) >> activate_run(run)
    # After the tasks on purpose: Params given to DAG() are copied into, and validated for, every task on every parse.
    # Past the setter, since it would check the same form against the JSON schema of schemas for every DAG.
    object.__setattr__(dag, "params", form)
    return dag


def active_asset(entity_code: str) -> Asset:
    """Return the asset that changes when an entity's active run does: schedule downstream DAGs on it."""
    # By name alone: a URI makes every parse import every provider, to ask who normalises its scheme.
    return Asset(name=f"rtb_active/{entity_code}", group="rtb_optimizer")


@task
def create_run(entity_code: str, **context: Any) -> int:  # noqa: ANN401 - Airflow's context
    """Freeze configuration and window into a run."""
    from rtb_optimizer import steps
    from rtb_optimizer.dagrun_request import request_of

    return steps.create_run(request_of(entity_code, context))


@task
def select_features(opt_run_id: int) -> int:
    """Select the features that carry signal on the outcome."""
    from rtb_optimizer import steps

    return steps.select_features(opt_run_id)


@task
def build_segments(opt_run_id: int) -> int:
    """Build the segment table from all rows of the window."""
    from rtb_optimizer import steps

    return steps.build_segments(opt_run_id)


@task
def map_ad_macros(opt_run_id: int) -> int:
    """Map the features to each platform's macros."""
    from rtb_optimizer import steps

    return steps.map_ad_macros(opt_run_id)


@task
def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, and record them."""
    from rtb_optimizer import steps

    return steps.write_outputs(opt_run_id)
