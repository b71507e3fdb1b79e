"""Makes a run again, by the steps that made it, and says whether it is the same, or what is not."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rtb_optimizer.core.decision.activation import failed_gates
from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.operations.rebuild.comparison import (
    changed_since,
    compared_files,
    counted_otherwise,
    own_again,
    rebuilt_files,
    recorded_before,
    recorded_otherwise,
)
from rtb_optimizer.operations.rebuild.findings import (
    BLOCKING,
    HARMLESS,
    ComparedFile,
    Finding,
    Kind,
    RebuildDocument,
    of_kind,
    version_findings,
)
from rtb_optimizer.operations.rebuild.inputs import earlier_findings, input_findings, output_findings
from rtb_optimizer.operations.rebuild.scratch import ScratchOptions, main_of, scratch
from rtb_optimizer.operations.rebuild.source import Source
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.run.made_by import made_by
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.map_ad_macros import map_ad_macros
from rtb_optimizer.steps.run_challenger import make_beside
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.wait_for_logs import require_partitions
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import activation, connections, runs
from rtb_optimizer.store.schema import Run

log = logging.getLogger(__name__)

STEPS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("wait_for_logs", require_partitions),
    ("select_features", select_features),
    ("build_segments", build_segments),
    ("map_ad_macros", map_ad_macros),
    ("write_outputs", write_outputs),
)
"""The steps of a run but measure_live, which records outcomes of other runs: the capsule has those that it read."""


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """How a run is made again; `anyway`: also where inputs are not what they were."""

    scratch: ScratchOptions = field(default_factory=ScratchOptions)
    anyway: bool = False


def rebuild(
    source: Source, options: RebuildOptions, on_step: Callable[[str, int], None] = lambda _step, _count: None
) -> RebuildDocument:
    """Make a run again in a scratch catalog and prefix, and compare every published file, row and decision.

    Nothing is written to the catalog, and no object outside of the scratch prefix.
    """
    began, capsule = time.monotonic(), source.capsule
    threads = int((options.scratch.settings or {}).get("engine_threads", capsule.made_by.threads))
    findings = [
        *version_findings(capsule.made_by, made_by(threads, capsule.made_by.engine)),
        *recorded_before(source),
        *output_findings(source),
        *earlier_findings(source),
        *changed_since(source),
    ]
    files, kept_at = list[ComparedFile](), None
    with scratch(source, options.scratch) as kept:
        findings += input_findings(open_workspace(capsule.run_id), source)
        if options.anyway or not of_kind(findings, *BLOCKING):
            findings += _made(source, on_step)
            with connections.session() as session:
                rebuilt, again = rebuilt_files(session, capsule.run_id), own_again(session, capsule.run_id)
            files = compared_files(source, rebuilt)
            findings += [*counted_otherwise(source, rebuilt), *recorded_otherwise(source, again)]
            kept_at = kept if options.scratch.keep else None
    same = bool(files) and all(each.is_same for each in files)
    return RebuildDocument(
        run_id=capsule.run_id,
        run_code=capsule.run_code,
        identical=same and len(of_kind(findings, *HARMLESS)) == len(findings),
        files=tuple(files),
        findings=tuple(dict.fromkeys(findings)),
        seconds=round(time.monotonic() - began, 3),
        kept_at=kept_at,
    )


def _made(source: Source, on_step: Callable[[str, int], None]) -> list[Finding]:
    """Carry out the steps of the run and decide on it; return the step that failed, if any did."""
    run_id, main, step = source.capsule.run_id, main_of(source), "run_challenger"
    try:
        if main is not None:
            on_step("select_features", select_features(main["run_id"]))
            make_beside(run_id, _ended(main["run_id"]))
            return []
        for step, function in STEPS:
            on_step(step, function(run_id))
        step = "activate_run"
        _decide(run_id)
    except RtbOptimizerError as problem:
        log.info("%s failed", step, exc_info=True)
        return [Finding(kind=Kind.FAILED, name=step, what=f"{type(problem).__name__}: {problem}")]
    return []


def _ended(run_id: int) -> Run:
    """End the run beside which a challenger's run is made, as it had before that began, and return it."""
    with connections.session() as session:
        run = runs.find(session, run_id)
        activation.complete(session, run, run.total_segments or 0)
        session.commit()
    return run


def _decide(run_id: int) -> None:
    workspace = open_workspace(run_id)
    report = Report.read_exactly(workspace.read("report.json"))
    with connections.session() as session:
        activation.complete_and_decide(
            session,
            run_id,
            total_segments=int(report.segments.total or 0) if report.segments else 0,
            gate_failures=failed_gates(report.gates.facts, report.gates.limits),
            allow_older=bool(workspace.snapshot.values["allow_older_window"]),
        )
        session.commit()
