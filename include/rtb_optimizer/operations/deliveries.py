"""Delivers exports that were not delivered when their run became active, and alerts of those that fail."""

import logging

from rtb_optimizer.core.decision.alerts import of_delivery
from rtb_optimizer.operations.maintenance import REMOVED
from rtb_optimizer.store import alerts, connections, deliveries, entities
from rtb_optimizer.store.schema import Delivery

log = logging.getLogger(__name__)


def deliver_exports() -> int:
    """Deliver what is active of every entity, unless it is there; return the number of deliveries that stand.

    What fails raises one alert a day, and does not stop the others.
    """
    stand = 0
    with connections.session() as session:
        for code in [each.entity_code for each in entities.all_entities(session) if each.status != REMOVED]:
            try:
                rows = deliveries.deliver(session, code)
                for row in rows:
                    if row.status == deliveries.FAILED and row.run_id is not None:
                        alerts.record_daily(session, row.run_id, of_delivery(code, _problem(row)))
                session.commit()
                stand += sum(row.status == deliveries.DELIVERED for row in rows)
            except Exception:
                log.warning("exports of %s could not be delivered", code, exc_info=True)
                session.rollback()
    return stand


def _problem(row: Delivery) -> str:
    return f"{row.export} to {row.destination}: {row.problem}"
