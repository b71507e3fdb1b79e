"""What keeps the catalog true when nobody is looking: every five minutes.

- **sweep_runs** ends runs whose dag run is over, deleted or was marked by a user: the last of three layers through
  which a failure reaches `opt_runs`.
- **export_manifest** writes the entity manifest from the catalog, so that the DAGs follow it.
- **reconcile_active_copies** makes each entity's `active.json` say what the catalog says.
- **send_alerts** sends the alerts that nobody has heard, and fails, naming the connection, when a channel takes none.
- **measure_active_runs** tells Airflow's metrics how old the active runs are.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, ExceptionRetryPolicy, RetryAction, RetryRule, task

from rtb_optimizer.dag.callbacks import dag_run_state
from rtb_optimizer.errors import MayPass, RtbOptimizerError

with DAG(
    "rtb_optimizer_maintenance",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["rtb_optimizer", "maintenance"],
    default_args={
        # A minute: longer than a restart of the api-server or the catalog, and over before the next run is due.
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        # What our other errors say stays true; the next run comes five minutes later. The first match decides.
        "retry_policy": ExceptionRetryPolicy(
            [
                RetryRule(exception=MayPass, action=RetryAction.DEFAULT),
                RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL),
            ]
        ),
    },
):

    @task
    def sweep_runs() -> int:
        """End runs that no dag run carries any more."""
        from rtb_optimizer.operations import maintenance

        return maintenance.sweep_runs(dag_run_state)

    @task
    def export_manifest() -> int:
        """Write the entity manifest."""
        from rtb_optimizer.operations import maintenance

        return maintenance.export_manifest()

    @task
    def reconcile_active_copies() -> int:
        """Repair active.json copies."""
        from rtb_optimizer.operations import maintenance

        return maintenance.reconcile_active_copies()

    @task
    def send_alerts() -> int:
        """Send what no task could send."""
        from rtb_optimizer.operations import alerts

        return alerts.send_alerts()

    @task
    def measure_active_runs() -> int:
        """Send the age of each active run."""
        from rtb_optimizer.operations import metrics

        return metrics.tell_active_runs()

    sweep_runs()
    send_alerts()
    measure_active_runs()
    export_manifest()
    reconcile_active_copies()
