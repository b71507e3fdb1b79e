"""Sends unsent alerts: the task that ended the run at once, otherwise the maintenance DAG.

An alert is locked while it is sent, so that only one process sends it. It is sent twice only when a process dies
between sending and its commit.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rtb_optimizer.errors import AlertsNotSent, ConnectionMissing
from rtb_optimizer.operations import alert_channels
from rtb_optimizer.operations.alert_channels import Message
from rtb_optimizer.store import alerts, connections
from rtb_optimizer.store.schema import Entity, Run, RunAlert

log = logging.getLogger(__name__)


def send_alerts(run_ids: Sequence[int] | None = None) -> int:
    """Send the unsent alerts of these runs, or of all; return the number sent.

    Alerts that are not configured are skipped: kinds that `alert_on` lacks, and a missing default connection.

    Raises:
        AlertsNotSent: at the end, with each connection that failed and why. Sending is retried for a day.
    """
    sent, failed = 0, dict[str, str]()
    with connections.session() as session:
        for alert_id in alerts.unsent(session, run_ids):
            sent += _send(session, alert_id, failed)
            session.commit()
    if failed:
        raise AlertsNotSent(f"alerts were not sent: {'; '.join(failed.values())}")
    return sent


def send_alerts_of(dag_id: str, dag_run_id: str) -> int:
    """Send the alerts of all runs (one per attempt) of a dag run; return the number sent.

    Raises:
        AlertsNotSent: as `send_alerts`.
    """
    with connections.session() as session:
        query = select(Run.run_id).where(Run.airflow_dag_id == dag_id, Run.airflow_run_id == dag_run_id)
        run_ids = session.scalars(query).all()
    return send_alerts(run_ids)


def message_of(alert: RunAlert, entity_code: str) -> Message:
    """Return the message of an alert."""
    lines = (f"Reason: {alert.reason}", f"What to do: {alert.fix}", alert_channels.run_link(alert.run_id))
    return Message(f"[{alert.kind}] {entity_code}: {alert.what}", lines)


def _send(session: Session, alert_id: int, failed: dict[str, str]) -> int:
    locked = alerts.lock(session, alert_id)
    if locked is None:
        return 0
    alert, entity = locked
    routing = alerts.routing(session, entity)
    if alert.kind not in routing.kinds or not routing.connection or _is_unconfigured(routing.connection):
        return 0
    if routing.connection not in failed:  # do not wait again for a connection that has just failed
        try:
            alert_channels.send(routing.connection, message_of(alert, entity.entity_code))
        except (AlertsNotSent, ConnectionMissing) as problem:
            failed[routing.connection] = str(problem)
    return _record_result(alert, entity, failed.get(routing.connection))


def _is_unconfigured(connection: str) -> bool:
    return connection == alerts.DEFAULT_CONNECTION and not alert_channels.connection_exists(connection)


def _record_result(alert: RunAlert, entity: Entity, problem: str | None) -> int:
    alert.problem = problem
    if problem is not None:
        log.warning(
            "%s: the alert %r of run %d was not sent: %s", entity.entity_code, alert.kind, alert.run_id, problem
        )
        return 0
    alert.sent_at = func.now()
    log.info("%s: the alert %r of run %d was sent", entity.entity_code, alert.kind, alert.run_id)
    return 1
