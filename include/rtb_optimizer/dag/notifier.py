"""The notifier that sends a run's alerts, for the callbacks of an entity's tasks.

It runs after the task's state was reported to Airflow, and never raises: a failing channel does not fail a run. Unsent
alerts stay in the catalog with the reason, and the maintenance DAG sends them.
"""

import logging
from typing import Any

from airflow.sdk import BaseNotifier

log = logging.getLogger(__name__)


class AlertNotifier(BaseNotifier):
    """Sends the unsent alerts of the context's dag run."""

    def notify(self, context: Any) -> None:  # noqa: ANN401 - Airflow's context is a plain mapping
        """Send the alerts; errors are logged."""
        from rtb_optimizer.errors import AlertsNotSent
        from rtb_optimizer.operations.alerts import send_alerts_of

        dag_run = context["dag_run"]
        try:
            send_alerts_of(dag_run.dag_id, dag_run.run_id)
        except AlertsNotSent as problem:
            log.warning("%s: %s", dag_run.run_id, problem)
        except Exception:  # the catalog may be unavailable: the maintenance DAG sends them later
            log.exception("the alerts of %s were not sent", dag_run.run_id)
