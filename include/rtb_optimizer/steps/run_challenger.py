"""Makes the run of an entity's challenger, and promotes or drops the challenger where the evidence shows which."""

import logging
from contextlib import nullcontext

from rtb_optimizer.core.decision.activation import Decision, failed_gates
from rtb_optimizer.live.challengers import decide_by_evidence
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.run.active_before import active_before
from rtb_optimizer.run.macro_combos import without_required_macro
from rtb_optimizer.run.shared_reading import read_as, select_from_reading
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.map_ad_macros import map_ad_macros
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import active_copy, challenger_runs, connections, deliveries, leases, runs, verification
from rtb_optimizer.store.alerts import record_decision
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.runs import CLI_DAG_ID
from rtb_optimizer.store.schema import Entity, Run

log = logging.getLogger(__name__)


def run_challenger(opt_run_id: int) -> int:
    """Make the challenger's run beside an entity's own run; return how many there is: 1, or 0 where none is due.

    Before that, the challenger is dropped if it is proven worse than the active policy; after that, it is promoted if
    it is proven better: bidders then read tonight's run.

    Raises:
        RunNotRunning: when the challenger's run has failed before.
        ConfigInvalid: when its overrides do not fit the entity's configuration any more.
    """
    with connections.session() as session:
        main = runs.find(session, opt_run_id)
        entity_code = session.get_one(Entity, main.entity_id).entity_code
        if challenger_runs.due(session, main) is None:
            return 0
        if decide_by_evidence(session, entity_code, [Decision.DROPPED]) is not None:
            active_copy.refresh(session, entity_code)
            deliveries.deliver_after(session, entity_code)
            return 0
        challenger = challenger_runs.due(session, main)
        if challenger is None:
            return 0
        own = challenger_runs.create(session, main, challenger)
        own_id, status = own.run_id, own.status
        session.commit()
    if status != "succeeded":
        with leases.held(own_id) if main.airflow_dag_id == CLI_DAG_ID else nullcontext():
            make_beside(own_id, main)
    with connections.session() as session:
        decide_by_evidence(session, entity_code, [Decision.PROMOTED])
        active_copy.refresh(session, entity_code)
        deliveries.deliver_after(session, entity_code)
    return 1


def make_beside(opt_run_id: int, main: Run) -> None:
    """Carry out the steps of a challenger's run, which selects from what the run `main` has read."""
    workspace = open_workspace(opt_run_id)
    read_as(workspace, main)
    with connections.session() as session:
        gaps = without_required_macro(session, workspace.opt_id, workspace.settings)
        before = active_before(session, workspace)
    chosen = select_from_reading(workspace, main, gaps, before)
    if chosen is None:
        log.info("run %s reads the logs itself: its sample has other columns", workspace.run_code)
        select_features(opt_run_id)
    else:
        with connections.session() as session:
            runs.record_features(session, opt_run_id, chosen)
            session.commit()
    build_segments(opt_run_id)
    map_ad_macros(opt_run_id)
    write_outputs(opt_run_id)
    _complete(opt_run_id)


def _complete(opt_run_id: int) -> None:
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
        entity = session.get_one(Entity, run.entity_id)
        store = ObjectStore.of(entity.s3_base_path)
        verification.verify_outputs(session, store, opt_run_id)
        report = Report.read_exactly(store.read(f"{run_prefix(entity.s3_base_path, run.run_code)}/report.json"))
        total = int(report.segments.total or 0) if report.segments else 0
        gates = failed_gates(report.gates.facts, report.gates.limits)
        decided = challenger_runs.complete(session, opt_run_id, total, gates)
        record_decision(session, run, decided, [])  # the entity's own run has the warnings about the logs
        session.commit()
        log.info("run %s: %s, %s", run.run_code, decided.decision, "; ".join(decided.reasons))
