"""Looks for leaks of the outcome: in the values of each column, in what it explains alone, and in interactions."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import inf

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.selection.interactions import Interaction
from rtb_optimizer.core.selection.leaks import (
    Sign,
    Suspicion,
    changes_between_exposure_and_event,
    suspicion,
    suspicion_together,
)
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.core.selection.select import Selection
from rtb_optimizer.core.selection.unbought import tells_what_was_bought, unbought_rows
from rtb_optimizer.engines.passes.sampling import Drawn

_OF_PURCHASE = (
    "it tells which rows have a cost, {:.0%} have none, and none of these has the outcome, where {:.0f} would: they "
    "look like bids that were lost"
)


def leaks_by_values(names: Sequence[str], drawn: Drawn, settings: Settings) -> dict[str, Suspicion]:
    """Return which columns are suspected by their values, anchors too; what is allowed by name is not looked at."""
    suspicions = dict[str, Suspicion]()
    unbought = unbought_rows(drawn.sample.spend, drawn.rows)
    for name in names:
        if name in settings.allowed_leaks:
            continue
        feature = drawn.sample.features[name]
        found = suspicion(feature, drawn.rows, [drawn.sample.features[other] for other in names if other != name])
        if found is None and settings.row_id_columns:
            found = changes_between_exposure_and_event(feature, drawn.sample.outcome, drawn.row_hash)
        if found is None and unbought is not None and tells_what_was_bought(feature, unbought, drawn.rows):
            found = Suspicion(Sign.PURCHASE, _OF_PURCHASE.format(unbought.share, unbought.expected))
        if found is not None:
            suspicions[name] = found
    return suspicions


def leaks_by_score(rejected: Sequence[Rejected], known: Collection[str], least: float) -> dict[str, Suspicion]:
    """Return the columns that are suspected by what they explain alone, at least a share of the baseline deviance."""
    return {
        each.name: Suspicion(
            Sign.SCORE,
            f"alone it explains {each.marginal_score or 0.0:.0%} of the baseline deviance, more than the "
            f"{least:.0%} that leak_score allows at this rate of outcomes",
        )
        for each in rejected
        if each.reason is Reason.LEAK_SUSPECTED and each.name not in known
    }


def pair_suspicion(names: Sequence[str], drawn: Drawn, settings: Settings) -> Suspicion | None:
    """Return why columns are suspected by their values together, if they are and not all are allowed."""
    if settings.leak_score == inf or set(settings.allowed_leaks).issuperset(names):
        return None
    return suspicion_together(drawn.sample, names, drawn.rows)


def leaks_together(interactions: Sequence[Interaction], drawn: Drawn, settings: Settings) -> dict[str, Suspicion]:
    """Return which interactions are suspected by the values of their features together, if not all are allowed."""
    found = {each.name: pair_suspicion(each.features, drawn, settings) for each in interactions}
    return {name: suspicion for name, suspicion in found.items() if suspicion is not None}


def without_interactions(selection: Selection, suspected: Collection[str]) -> Selection:
    """Return the selection with its suspected interactions left out, and listed with their scores."""
    left_out = [each for each in selection.interactions if each.name in suspected]
    if not left_out:
        return selection
    rejected = [
        Rejected(i.name, Reason.LEAK_SUSPECTED, i.signal_score, i.signal_score, i.standard_error, i.z) for i in left_out
    ]
    return replace(
        selection,
        interactions=tuple(each for each in selection.interactions if each not in left_out),
        rejected=tuple(sorted((*selection.rejected, *rejected), key=lambda r: r.name)),
    )
