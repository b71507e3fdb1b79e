"""Warns of columns that a run goes without: those that no file has, and features of the active run.

A candidate that is absent, or no longer selected, stops no run: the others are still worth a table.
"""

from collections.abc import Collection, Iterable, Sequence

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.nearest import nearest_hint
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.outputs.documents.selection import FeatureDocument, RejectedDocument, SelectionDocument


def absent_columns(settings: Settings, rejected: Iterable[Rejected], columns: Collection[str]) -> list[RunWarning]:
    """Return a warning for each candidate that no file has, and each allowed column that is no candidate.

    Args:
        settings: The configuration.
        rejected: The candidates that were left out.
        columns: The columns of the logs.
    """
    absent = [each.name for each in rejected if each.reason is Reason.ABSENT]
    others = set(columns) - {*settings.candidate_features, *settings.anchor_features}
    warnings = [
        RunWarning(
            "candidate_absent",
            f"candidate {name!r} is in no file of the logs{nearest_hint(name, others)}; correct candidate_features, "
            "or have the column logged again",
        )
        for name in absent
    ]
    features = {*settings.candidate_features, *settings.anchor_features}
    lists = {"allowed_leaks": settings.allowed_leaks, "allowed_identifiers": settings.allowed_identifiers}
    return warnings + [
        RunWarning(
            "allowed_without_effect",
            f"{name!r} of {key} is neither a candidate nor an anchor{nearest_hint(name, features)}; correct {key}",
        )
        for key, names in lists.items()
        for name in names
        if name not in features
    ]


def lost_features(selection: SelectionDocument, active: Sequence[FeatureDocument]) -> list[RunWarning]:
    """Return a warning for each feature of the active run that this one has not selected, with the reason.

    Args:
        selection: What select_features handed over.
        active: The features of the active run; none where there is none.
    """
    if not active:
        return []
    chosen, rejected = {feature.name: feature for feature in selection.chosen}, {r.name: r for r in selection.rejected}
    fading = [
        RunWarning(
            "feature_fades",
            f"{feature.name}, a feature of the active run{_scored(feature)}, has not passed here"
            f"{_scored(chosen[feature.name])}: its rows move to 1 by max_movement a run; look into the column, or "
            "name it in anchor_features to keep it",
        )
        for feature in active
        if feature.name in chosen and chosen[feature.name].is_fading
    ]
    return fading + [
        RunWarning(
            "feature_lost",
            f"{feature.name}, a feature of the active run{_scored(feature)}, is none of this one: "
            f"{_why(rejected.get(feature.name))}",
        )
        for feature in active
        if feature.name not in chosen
    ]


def _why(rejected: RejectedDocument | None) -> str:
    if rejected is None:
        return "it is no candidate any more; its rows are gone from the table"
    return f"{rejected.reason}{_scored(rejected)}; look into the column, or name it in anchor_features to keep it"


def _scored(each: FeatureDocument | RejectedDocument) -> str:
    if each.signal_score is None:
        return ""
    errors = f", {each.z:.1f} standard errors" if each.z is not None else ""
    return f" (score {each.signal_score:.3%}{errors})"
