"""Ends a run and decides whether it becomes the active one."""

import logging

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import failed_gates
from rtb_optimizer.live.standing_down import stand_down_if_harmful
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.store import activation, active_copy, connections, deliveries, runs, verification
from rtb_optimizer.store.alerts import record_decision
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity

log = logging.getLogger(__name__)


def activate_run(opt_run_id: int) -> activation.DecisionRecord:
    """End the run and decide whether it is activated; a run that was decided before keeps its decision.

    Raises:
        RunNotRunning: when the run has failed meanwhile.
        RunIncomplete: when an output is absent or not what was written.
    """
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
        entity = session.get_one(Entity, run.entity_id)
        store = ObjectStore.of(entity.s3_base_path)
        verification.verify_outputs(session, store, opt_run_id)
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        stood_down = stand_down_if_harmful(session, entity.entity_code)
        if stood_down is not None:
            log.warning("%s: the active policy stood down: %s", entity.entity_code, "; ".join(stood_down.reasons))
        report = Report.read_exactly(store.read(f"{prefix}/report.json"))
        decided = activation.complete_and_decide(
            session,
            opt_run_id,
            total_segments=int(report.segments.total or 0) if report.segments else 0,
            gate_failures=failed_gates(report.gates.facts, report.gates.limits),
            allow_older=bool(RunSnapshot.read(run.config_snapshot).values["allow_older_window"]),
        )
        record_decision(session, run, decided, [each.warning for each in report.warnings or ()])
        session.commit()
        log.info("run %s: %s, %s", run.run_code, decided.decision, "; ".join(decided.reasons))
        active_copy.refresh(session, entity.entity_code)
        deliveries.deliver_after(session, entity.entity_code)
    return decided
