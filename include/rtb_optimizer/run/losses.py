"""Warns of columns that a run lacks: those that no file has, features of the active run, and columns with a gain.

A candidate that is absent, or no longer selected, stops no run: the others are still worth a table.
"""

from collections.abc import Collection, Iterable, Sequence

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.nearest import nearest_hint
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.selection.bands import BANDS
from rtb_optimizer.core.selection.hidden_pairs import Unused
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.core.selection.select import Selection
from rtb_optimizer.outputs.documents.selection import FeatureDocument, RejectedDocument, SelectionDocument

BANDED = "{} in bands"
"""What a column of numbers is called where it is scored in bands."""
UNUSED_FROM, UNUSED_Z = 0.05, 3.0
"""The least share of the gain, and its standard errors, that a column is warned of for."""


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


def unused_gains(selection: Selection, banded: Collection[str]) -> list[RunWarning]:
    """Return a warning for each column that would add to the table with its values, or with its numbers in bands.

    Args:
        selection: What was selected, and what was scored beside it.
        banded: The columns whose numbers were scored in bands too.
    """
    table = sum(each.signal_score for each in selection.chosen)
    table += sum(each.signal_score for each in selection.interactions)
    suspected = {each.name for each in selection.rejected if each.reason is Reason.LEAK_SUSPECTED}
    in_bands, warnings = {BANDED.format(name): name for name in banded}, list[RunWarning]()
    for each in selection.rejected:
        added, z = max(each.signal_score or 0.0, 0.0), each.z or 0.0
        is_worth_it = added > UNUSED_FROM * (table + added) and z >= UNUSED_Z
        if not is_worth_it or in_bands.get(each.name) in suspected:
            continue
        would_add = (
            f"would add {added:.2%} of the baseline deviance, {added / (table + added):.0%} of the gain that the table "
            "then had"
        )
        if each.name in in_bands:
            message = (
                f"{in_bands[each.name]} holds numbers that few rows share: in {BANDS} bands of about equal exposure it "
                f"{would_add}; if bidders know it before the auction, log its band as a column"
            )
            warnings.append(RunWarning("numbers_unbanded", message))
        elif each.reason is Reason.MOSTLY_MISSING:
            message = f"{each.name} is left out, mostly missing, and {would_add}; raise max_missing_share to let it in"
            warnings.append(RunWarning("missing_left_out", message))
    return warnings


LIMITS = {
    "max_features": "max_features leaves no room for the columns that it needs",
    "max_interactions": "max_interactions is reached by interactions that gain more",
}
"""What the limits say that keep a pair out."""


def unused_pairs(pairs: Iterable[Unused]) -> list[RunWarning]:
    """Return a warning for each pair of columns that says something only together, and has no room in the table."""
    return [
        RunWarning(
            "pair_unused",
            f"{first} and {second} say together what neither says alone: their combinations would add "
            f"{each.signal_score:.2%} of the baseline deviance ({each.z:.1f} standard errors), and are left out: "
            f"{LIMITS[each.limit]}; raise {each.limit} to let them in",
        )
        for each in pairs
        for first, second in (each.pair,)
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
