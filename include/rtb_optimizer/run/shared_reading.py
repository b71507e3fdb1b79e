"""One reading of the logs, from which the run of a challenger selects as well as the run that has read them.

The run that reads leaves its sample with every column that it drew. The challenger's run selects from the same rows, by
its own rules, and without a look at the logs. It reads the logs itself where it needs a column that was not drawn.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.realized.elasticity import NOTHING_KNOWN
from rtb_optimizer.core.realized.row_bids import BidMarks
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.core.table.evaluation import HoldoutEvaluation, evaluate
from rtb_optimizer.engines.passes.sampling import Drawn, Shares
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.selection import ReadingDocument, SelectionDocument
from rtb_optimizer.run.active_before import Before
from rtb_optimizer.run.bought_sample import BidFindings
from rtb_optimizer.run.choose_features import Choice, choose_from
from rtb_optimizer.run.drift import with_drift
from rtb_optimizer.run.handover import hand_over, handed_over_by
from rtb_optimizer.run.live_days import NOTHING_LIVE
from rtb_optimizer.run.read_logs import LogsRead
from rtb_optimizer.run.sample_file import arrow_bytes, arrow_columns, sample_bytes, sample_of
from rtb_optimizer.run.screen_candidates import Candidates, columns_drawn
from rtb_optimizer.run.selection_document import chosen_of, selection_beside
from rtb_optimizer.run.selection_warnings import selection_warnings
from rtb_optimizer.run.siblings import POOLED
from rtb_optimizer.run.workspace import FOLDERS, TABLES, Workspace
from rtb_optimizer.store.schema import Run

SAMPLE, ROWS, READING = "drawn_sample.arrow", "drawn_rows.arrow", "reading"
ROW_COLUMNS, DAY = ("holdout", "row_hash", "has_id"), "day"
OUTCOME_COLUMNS = ("with_outcome", "without", "weight", "log_weight")


def evaluated(workspace: Workspace, choice: Choice, before: Before) -> HoldoutEvaluation:
    """Return the evaluation of a selection on its hold-out, beside the table that the run moves from."""
    drawn, rules = choice.drawn, workspace.settings.table_rules
    replayed = None if before.table is None or before.has_seen else before.table.multipliers
    return evaluate(drawn.sample, drawn.holdout, choice.selection, choice.link, rules, replayed)


def sample_part(choice: Choice, before: Before) -> bytes:
    """Return the sample of what was selected, and of what bids are compared with, for the steps after this one."""
    sample = choice.drawn.sample
    needed = dict.fromkeys([*(feature.name for feature in choice.selection.chosen), *before.features])
    return sample_bytes(sample, [name for name in needed if name in sample.features])


def reading_parts(drawn: Drawn) -> dict[str, bytes]:
    """Return all that was drawn, for the selection of a challenger's run."""
    rows = {name: getattr(drawn, name) for name in ROW_COLUMNS} | {DAY: drawn.bid_marks.day}
    rows |= {name: getattr(drawn.rows, name) for name in OUTCOME_COLUMNS}
    return {SAMPLE: sample_bytes(drawn.sample, list(drawn.sample.features)), ROWS: arrow_bytes(rows)}


def reading_document(drawn: Drawn, read: LogsRead) -> ReadingDocument:
    """Return what the reading found beside what was drawn."""
    return ReadingDocument(
        columns=tuple(read.columns),
        by_day=drawn.by_day,
        share_positives=drawn.shares.positives,
        share_others=drawn.shares.others,
        duplicates=drawn.duplicates,
        value_cut=drawn.value_cut,
        warnings=WarningDocument.of(read.warnings),
    )


def read_as(workspace: Workspace, main: Run) -> None:
    """Let a challenger's run read as the run `main` has: its folders' zone, its snapshots of tables, its siblings."""
    theirs = workspace.prefix.removesuffix(workspace.run_code) + main.run_code
    for name in (f"work/{FOLDERS}.json", f"work/{TABLES}.json", POOLED):
        if workspace.store.stored(f"{theirs}/{name}") is not None:
            workspace.write(name, workspace.store.read(f"{theirs}/{name}"))


def select_from_reading(
    workspace: Workspace, main: Run, without_macro: Collection[str], before: Before
) -> list[Chosen] | None:
    """Select for a challenger's run from what the run `main` has read, and leave the documents of the selection.

    None, and nothing is left, where the sample of that run lacks a column that is needed, or was not left.
    """
    _, handed = handed_over_by(main.run_id, "select_features")
    if READING not in handed.content.documents:
        return None
    reading, of_main = handed.document(READING, ReadingDocument), handed.document("selection", SelectionDocument)
    rows = arrow_columns(handed.part(ROWS))
    if DAY not in rows:  # an earlier release began this run
        return None
    drawn = _drawn(handed.part(SAMPLE), rows, reading)
    needed = {*columns_drawn(workspace.settings, reading.columns, without_macro), *before.features}
    if not needed & {*reading.columns} <= drawn.sample.features.keys():
        return None
    logs = of_main.logs
    effective = logs.totals.outcome / float(logs.design_effect or 1.0)
    candidates = Candidates(
        reading.columns, drawn, effective, before.table, before.features, without_macro, before.pooled
    )
    choice = choose_from(candidates, BidFindings(NOTHING_KNOWN, 0.0, NOTHING_LIVE), workspace.settings)
    evidence = evaluated(workspace, choice, before)
    warnings = selection_warnings(choice, workspace.settings)
    selection = selection_beside(of_main, reading, choice, evidence, warnings)
    selection = with_drift(selection, choice, before, workspace.settings, workspace.window)
    parts = {"sample.arrow": sample_part(choice, before)}
    standing = hand_over(workspace, "select_features", {"selection": selection}, parts)
    return chosen_of(standing.document("selection", SelectionDocument))


def _drawn(sample: bytes, columns: Mapping[str, NDArray[Any]], reading: ReadingDocument) -> Drawn:
    shares = Shares(reading.share_positives, reading.share_others)
    size = len(columns["holdout"])
    nothing = np.zeros(size, dtype=bool)
    return Drawn(
        sample=sample_of(sample),
        holdout=columns["holdout"],
        by_day=reading.by_day,
        shares=shares,
        row_hash=columns["row_hash"],
        has_id=columns["has_id"],
        duplicates=reading.duplicates,
        rows=RowOutcomes(
            with_outcome=columns["with_outcome"],
            without=columns["without"],
            weight=columns["weight"],
            log_weight=columns["log_weight"],
            share_with=shares.positives,
            share_without=shares.others,
        ),
        bid_marks=BidMarks(
            np.zeros(size, dtype=np.int64),
            (None,),
            np.full(size, np.nan),
            nothing,
            nothing,
            columns[DAY],
        ),
        value_cut=reading.value_cut,
    )
