"""Says of a run who pays for the gain of its total, and what the active tables really brought of these groups."""

from collections.abc import Sequence

import numpy as np

from rtb_optimizer.core.decision.warning import GROUP_PAYS, RunWarning
from rtb_optimizer.core.realized.groups import changes_by_group, lifts_by_group, strongest
from rtb_optimizer.core.sample.sample import Floats, Sample
from rtb_optimizer.outputs.documents.groups import GroupDocument, GroupLiftDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.run.choose_features import Choice


def group_lifts(choice: Choice) -> tuple[GroupLiftDocument, ...]:
    """Return the lift over the holdback of the largest values of the strongest features, in this window."""
    marks, sample = choice.drawn.bid_marks, choice.drawn.sample
    if not marks.is_control.any():
        return ()
    names = strongest({each.name: each.signal_score for each in choice.selection.chosen})
    treated, days = ~(marks.is_control | marks.is_challenger), len(np.unique(marks.day))
    found = lifts_by_group(sample, names, treated, marks.is_control, days)
    return tuple(GroupLiftDocument.of(group, lift) for group, lift in found)


def group_changes(sample: Sample, features: Sequence[str], before: Floats, after: Floats) -> tuple[GroupDocument, ...]:
    """Return who gains and who loses by other bids; see `changes_by_group`."""
    return tuple(GroupDocument.of(each) for each in changes_by_group(sample, features, before, after))


def groups_with_lifts(selection: SelectionDocument, tables: TablesDocument) -> tuple[GroupDocument, ...]:
    """Return the predicted changes of the groups beside what was realized of them."""
    lifts = {(each.feature, each.value): each for each in selection.lifts}
    return tuple(each.beside(lifts.get((each.feature, each.value))) for each in tables.groups)


def group_warnings(groups: Sequence[GroupDocument], total: float | None) -> list[RunWarning]:
    """Return a warning of each group that pays; `total` is the predicted change of all outcomes."""
    return [RunWarning(GROUP_PAYS, _message(each, total or 0.0)) for each in groups if each.pays]


def _message(group: GroupDocument, total: float) -> str:
    change, low, high, spend = (
        float(each or 0.0) for each in (group.outcomes_change, group.low, group.high, group.spend_change)
    )
    text = (
        f"{group.feature}={group.value} pays for the others: from the active run's table to this one its outcomes are "
        f"predicted to change by {change:+.0%} ({low:+.0%} to {high:+.0%}) and its spend by {spend:+.0%}, while those "
        f"of all together change by {total:+.1%}"
    )
    if group.lift is not None and group.lift_low is not None and group.lift_high is not None:
        text += (
            f"; in this window its results per spend were {group.lift:+.0%} ({group.lift_low:+.0%} to "
            f"{group.lift_high:+.0%}) from those held back"
        )
    return f"{text}; where its volume is owed to somebody, activate another run, or lower max_movement"
