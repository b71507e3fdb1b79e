"""Who sends what was raised and not told yet? At once the task that ended the run, else the maintenance DAG.

An alert is locked while it is sent: of two processes one sends it. One that died after sending and before its commit
is the only way to hear of something twice.
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
    """Send what was raised of these runs, or of all, and not told; return how many were sent.

    What nobody asked for is left: a kind that `alert_on` lacks, the default connection where there is none.

    Raises:
        AlertsNotSent: at the end, naming each connection that failed and why. They are tried again for a day.
    """
    sent, failed = 0, dict[str, str]()
    with connections.session() as session:
        for alert_id in alerts.untold(session, run_ids):
            sent += _send(session, alert_id, failed)
            session.commit()
    if failed:
        raise AlertsNotSent(f"alerts were not sent: {'; '.join(failed.values())}")
    return sent


def send_alerts_of(dag_id: str, dag_run_id: str) -> int:
    """Send what the runs of a dag run have raised, each attempt's; return how many were sent.

    Raises:
        AlertsNotSent: as `send_alerts`.
    """
    with connections.session() as session:
        own = select(Run.run_id).where(Run.airflow_dag_id == dag_id, Run.airflow_run_id == dag_run_id)
        run_ids = session.scalars(own).all()
    return send_alerts(run_ids)


def message_of(alert: RunAlert, entity_code: str) -> Message:
    """Return what is sent of an alert."""
    lines = (f"Reason: {alert.reason}", f"What to do: {alert.fix}", alert_channels.run_link(alert.run_id))
    return Message(f"[{alert.kind}] {entity_code}: {alert.what}", lines)


def _send(session: Session, alert_id: int, failed: dict[str, str]) -> int:
    found = alerts.lock(session, alert_id)
    if found is None:
        return 0
    alert, entity = found
    asked = alerts.asked(session, entity)
    if alert.kind not in asked.kinds or not asked.connection or _is_quiet(asked.connection):
        return 0
    if asked.connection not in failed:  # one that has just failed would hold up the others' alerts once more each
        try:
            alert_channels.send(asked.connection, message_of(alert, entity.entity_code))
        except (AlertsNotSent, ConnectionMissing) as problem:
            failed[asked.connection] = str(problem)
    return _note(alert, entity, failed.get(asked.connection))


def _is_quiet(connection: str) -> bool:
    return connection == alerts.DEFAULT_CONNECTION and not alert_channels.is_there(connection)


def _note(alert: RunAlert, entity: Entity, problem: str | None) -> int:
    alert.problem = problem
    if problem is not None:
        log.warning(
            "%s: the alert %r of run %d was not sent: %s", entity.entity_code, alert.kind, alert.run_id, problem
        )
        return 0
    alert.told_at = func.now()
    log.info("%s: the alert %r of run %d was sent", entity.entity_code, alert.kind, alert.run_id)
    return 1
