"""Which hook of Airflow sends a run's alerts? One notifier, for the callbacks of an entity's tasks.

It runs after the task's state was told to Airflow, and never raises: a channel that fails, fails no run. What it
could not send stays in the catalog with the reason, and is sent by the maintenance DAG.
"""

import logging
from typing import Any

from airflow.sdk import BaseNotifier

log = logging.getLogger(__name__)


class AlertNotifier(BaseNotifier):
    """Sends what the runs of the context's dag run have raised and nobody has heard."""

    def notify(self, context: Any) -> None:  # noqa: ANN401 - Airflow's context is a plain mapping
        """Send them; what fails is logged."""
        from rtb_optimizer.errors import AlertsNotSent
        from rtb_optimizer.operations.alerts import send_alerts_of

        dag_run = context["dag_run"]
        try:
            send_alerts_of(dag_run.dag_id, dag_run.run_id)
        except AlertsNotSent as problem:
            log.warning("%s: %s", dag_run.run_id, problem)
        except Exception:  # the catalog may be away: the maintenance DAG sends them once it is back
            log.exception("the alerts of %s were not sent", dag_run.run_id)
