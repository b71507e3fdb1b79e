"""Selects the features of a run on a sample of its logs, and evaluates them on the hold-out."""

import logging

from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.run.active_before import covers_holdout, table_before, table_compared
from rtb_optimizer.run.choose_features import selection_warnings
from rtb_optimizer.run.macro_combos import without_required_macro
from rtb_optimizer.run.read_logs import read_logs
from rtb_optimizer.run.sample_file import sample_bytes
from rtb_optimizer.run.selection_document import selection_document
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.store import connections, runs

log = logging.getLogger(__name__)


def select_features(opt_run_id: int) -> int:
    """Select the features of a run and record them; return how many."""
    workspace = open_workspace(opt_run_id)
    with connections.session() as session:
        gaps = without_required_macro(session, workspace.opt_id, workspace.settings)
        before, compared = table_before(session, workspace), table_compared(session, workspace)
        is_biased = covers_holdout(session, workspace)
    read = read_logs(workspace, gaps)
    choice, drawn, rules = read.choice, read.choice.drawn, workspace.settings.table_rules
    replayed = None if before is None or is_biased else before.multipliers
    evidence = evaluate(drawn.sample, drawn.holdout, choice.selection, choice.link, rules, replayed)
    chosen = choice.selection.chosen
    needed = dict.fromkeys(feature.name for feature in chosen)
    needed |= dict.fromkeys(name for each in (before, compared) if each for name in each.features)  # to compare bids
    columns = [name for name in needed if name in drawn.sample.features]
    workspace.write("work/sample.arrow", sample_bytes(drawn.sample, columns))
    warnings = selection_warnings(choice, workspace.settings)
    document = selection_document(read, evidence, workspace.partitions_expected, warnings)
    workspace.write_work_document("selection", document)
    with connections.session() as session:
        runs.record_features(session, opt_run_id, chosen)
        session.commit()
    for feature in chosen:
        log.info("feature %d %s: score %.5f", feature.order, feature.name, feature.signal_score)
    return len(chosen)
