"""Records the outcomes of the tables that were live in a run's window, by day and arm."""

import logging
from datetime import date

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.outputs.documents.live import LiveDocument
from rtb_optimizer.run.handover import handed_over_by
from rtb_optimizer.store import connections, outcomes, runs
from rtb_optimizer.store.outcomes import Outcome

log = logging.getLogger(__name__)


def measure_live(opt_run_id: int) -> int:
    """Record the outcomes that select_features counted; return how many there are.

    They are about other runs: this one may have ended meanwhile. A what-if run records none: what it counts is by
    values that are not the entity's.
    """
    entity_code, selected = handed_over_by(opt_run_id, "select_features")
    counted = [
        Outcome(
            run_id=each.run_id,
            log_day=date.fromisoformat(each.day),
            arm=Arm(each.arm),
            rows=each.rows,
            exposures=each.exposures,
            outcomes=each.outcomes,
            value=each.value,
            cost=each.cost,
            predicted=each.predicted,
            predicted_error=each.predicted_error,
            buckets={part: list(sums) for part, sums in each.buckets.items()},
        )
        for each in selected.document("live", LiveDocument).days
    ]
    with connections.session() as session:
        if not counted or runs.find(session, opt_run_id).is_sandbox:
            return 0
        recorded = outcomes.record(session, entity_code, opt_run_id, counted)
        session.commit()
    log.info("%d outcomes of %d days", recorded, len({each.log_day for each in counted}))
    return recorded
