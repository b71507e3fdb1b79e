"""Selects the features of a run on a sample of its logs, and evaluates them on the hold-out."""

import logging

from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.active_before import active_before
from rtb_optimizer.run.drift import with_drift
from rtb_optimizer.run.event_partitions import PLACED
from rtb_optimizer.run.found_columns import FOUND, found_columns
from rtb_optimizer.run.handover import hand_over
from rtb_optimizer.run.live_days import live_document
from rtb_optimizer.run.macro_combos import without_required_macro
from rtb_optimizer.run.read_logs import read_logs
from rtb_optimizer.run.sample_file import table_bytes
from rtb_optimizer.run.selection_document import chosen_of, selection_document
from rtb_optimizer.run.selection_warnings import selection_warnings
from rtb_optimizer.run.shared_reading import READING, evaluated, reading_document, reading_parts, sample_part
from rtb_optimizer.run.siblings import pooled_warnings
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.store import challenger_runs, connections, runs

log = logging.getLogger(__name__)


def select_features(opt_run_id: int) -> int:
    """Select the features of a run and record them; return how many."""
    workspace = open_workspace(opt_run_id)
    with connections.session() as session:
        gaps = without_required_macro(session, workspace.opt_id, workspace.settings)
        before = active_before(session, workspace)
        is_shared = challenger_runs.due(session, runs.find(session, opt_run_id)) is not None
    read = read_logs(workspace, gaps, before)
    choice = read.choice
    evidence = evaluated(workspace, choice, before)
    warnings = [*selection_warnings(choice, workspace.settings), *pooled_warnings(before.pooled)]
    selection = selection_document(read, evidence, workspace.partitions_expected, warnings, workspace.tables_read)
    selection = with_drift(selection, choice, before, workspace.settings, workspace.window)
    live = live_document(read.bids, choice.drawn.by_arm, choice.bids.live.predicted, workspace.window)
    documents, parts = {"selection": selection, "live": live}, {"sample.arrow": sample_part(choice, before)}
    if read.events.placed is not None:  # joined once: it is what the other steps count
        parts[PLACED] = table_bytes(read.events.placed)
    if read.found:
        parts[FOUND] = found_columns(read.partitions, read.found).to_json()
    if is_shared:  # for the selection of a challenger's run
        documents |= {READING: reading_document(choice.whole, read)}
        parts |= reading_parts(choice.whole)
    standing = hand_over(workspace, "select_features", documents, parts)
    chosen = chosen_of(standing.document("selection", SelectionDocument))
    with connections.session() as session:
        runs.record_features(session, opt_run_id, chosen)
        session.commit()
    for feature in chosen:
        log.info("feature %d %s: score %.5f", feature.order, feature.name, feature.signal_score)
    return len(chosen)
