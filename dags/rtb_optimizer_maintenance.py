"""Maintenance, every five minutes.

- **sweep_runs** ends runs whose dag run is over, deleted or was marked by a user: the last of three layers that record
  failures in `opt_runs`.
- **export_manifest** writes the DAG list from the catalog, so that the DAGs follow it.
- **reconcile_active_copies** brings each entity's `active.json` into line with the catalog; an entity that fails raises
  one alert a day, and the others are done.
- **deliver_exports** copies exports of active runs to where `export_deliveries` says, where that has not been done.
- **send_alerts** sends unsent alerts, and fails, naming the connection, when a channel fails.
- **measure_active_runs** sends the age of the active runs to Airflow's metrics.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

from rtb_optimizer.dag.callbacks import dag_run_state
from rtb_optimizer.dag.retries import RETRY_POLICY

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
        # One minute: longer than a restart of the api-server or the catalog, and over before the next run.
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": RETRY_POLICY,
    },
):

    @task
    def sweep_runs() -> int:
        """End runs without a live dag run."""
        from rtb_optimizer.operations import maintenance

        return maintenance.sweep_runs(dag_run_state)

    @task
    def export_manifest() -> int:
        """Write the DAG list."""
        from rtb_optimizer.operations import maintenance

        return maintenance.export_dag_list()

    @task
    def reconcile_active_copies() -> int:
        """Repair active.json copies."""
        from rtb_optimizer.operations import maintenance

        return maintenance.repair_active_copies()

    @task
    def deliver_exports() -> int:
        """Deliver exports of active runs."""
        from rtb_optimizer.operations import deliveries

        return deliveries.deliver_exports()

    @task
    def send_alerts() -> int:
        """Send the alerts that no task has sent."""
        from rtb_optimizer.operations import alerts

        return alerts.send_alerts()

    @task
    def measure_active_runs() -> int:
        """Send the age of each active run."""
        from rtb_optimizer.operations import metrics

        return metrics.send_active_runs()

    sweep_runs()
    send_alerts()
    measure_active_runs()
    export_manifest()
    reconcile_active_copies()
    deliver_exports()
