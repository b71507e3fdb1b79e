"""Parts the candidates before any is scored: those to select from, those that are scored only, those refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.selection.denied_names import denied_names
from rtb_optimizer.core.selection.identifiers import identifier_warnings, identifying, require_no_addresses
from rtb_optimizer.core.selection.leaks import Suspicion
from rtb_optimizer.core.selection.rejection import Reason, Rejected, screen
from rtb_optimizer.core.selection.unjoined import MAX_UNJOINED, unjoined_share
from rtb_optimizer.core.selection.value_checks import value_warnings
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.outputs.documents.pooled import NO_SIBLINGS, PooledDocument
from rtb_optimizer.run.find_leaks import leaks_by_values
from rtb_optimizer.run.losses import absent_columns


@dataclass(frozen=True, slots=True)
class Candidates:
    """What features are selected from: the columns of the logs, the sample, and the effective outcomes of the window.

    `before` is the table that bids move from; `compared` are features that stay in the sample, to compare
    bids by; `pooled` is what other entities have in common.
    """

    columns: Collection[str]
    drawn: Drawn
    outcomes: float
    before: PublishedTable | None
    compared: Sequence[str]
    without_macro: Collection[str] = ()
    pooled: PooledDocument = NO_SIBLINGS


@dataclass(frozen=True, slots=True)
class Screening:
    """The candidates of a sample, parted.

    Attributes:
        names: All columns that are anchors, or candidates that could be selected by their names.
        admitted: Those to select from, the anchors first.
        left_out: Columns that are scored and never selected, by name, with the reason.
        unscored: Candidates that are rejected unseen.
        flagged: Columns that identify somebody, or are suspected to leak the outcome.
        suspicions: The latter, by name.
        unjoined: The share of the outcomes that stand in rows of their own.
        warnings: About values, identifiers, and candidates that the logs lack.
    """

    names: Sequence[str]
    admitted: Sequence[str]
    left_out: Mapping[str, Reason]
    unscored: Sequence[Rejected]
    flagged: Collection[str]
    suspicions: Mapping[str, Suspicion]
    unjoined: float
    warnings: tuple[RunWarning, ...]

    @property
    def scored(self) -> list[str]:
        """The columns that selection reads."""
        return [*self.admitted, *self.left_out]


def screen_candidates(candidates: Candidates, settings: Settings) -> Screening:
    """Part the candidates by what is configured and by their values in the sample."""
    drawn = candidates.drawn
    refused, names = admissible(settings, candidates.columns, candidates.without_macro)
    warnings = value_warnings(drawn.sample.with_features(names), settings.anchor_features, settings.max_missing_share)
    identifiers = identifying(drawn.sample, names, settings.allowed_identifiers)
    require_no_addresses(identifiers, settings.anchor_features)
    warnings += (
        *identifier_warnings(identifiers, settings.anchor_features),
        *absent_columns(settings, refused, candidates.columns),
    )
    unjoined = unjoined_share(drawn.sample, names)
    suspicions = leaks_by_values(names, drawn, settings) if leak_rules(settings, unjoined).leak_score < inf else {}
    flagged = dict.fromkeys(identifiers, Reason.IDENTIFIER) | dict.fromkeys(suspicions, Reason.LEAK_SUSPECTED)
    admitted, left_out, unscored = _parted(names, _denied(refused, candidates.columns), flagged, drawn, settings)
    unscored = [each for each in refused if each.name not in left_out] + unscored
    return Screening(names, admitted, left_out, unscored, flagged, suspicions, unjoined, warnings)


def leak_rules(settings: Settings, unjoined: float) -> Settings:
    """Return the settings that columns are suspected by: of rows that are not joined, none leaks by itself."""
    return replace(settings, leak_score=inf) if unjoined > MAX_UNJOINED else settings


def columns_drawn(settings: Settings, columns: Collection[str], without_macro: Collection[str] = ()) -> list[str]:
    """Return the columns of the logs that features are selected from, and those that are denied and only scored."""
    early, names = admissible(settings, columns, without_macro)
    return [*names, *_denied(early, columns)]


def _denied(early: Sequence[Rejected], columns: Collection[str]) -> list[str]:
    """Return the columns that are denied by name, and scored all the same."""
    return [each.name for each in early if each.reason is Reason.DENYLISTED and each.name in columns]


def admissible(
    settings: Settings, columns: Collection[str], without_macro: Collection[str] = ()
) -> tuple[list[Rejected], list[str]]:
    """Part the configured names: candidates that are denied, absent or cannot be addressed, and what is left.

    Anchors come first and are never left out: they are a contract.
    """
    reasons: dict[str, Reason] = {}
    denied = denied_names(settings.candidate_features, settings.denied_features, settings.allowed_identifiers)
    for name in settings.candidate_features:
        if name in denied:
            reasons[name] = Reason.DENYLISTED
        elif name not in columns:
            reasons[name] = Reason.ABSENT
        elif name in without_macro and name not in settings.anchor_features:
            reasons[name] = Reason.NO_MACRO
    left = [name for name in settings.candidate_features if name not in reasons]
    rejected = [Rejected(name, reason) for name, reason in reasons.items()]
    return rejected, list(dict.fromkeys((*settings.anchor_features, *left)))


def _parted(
    names: Sequence[str], denied: Sequence[str], known: Mapping[str, Reason], drawn: Drawn, settings: Settings
) -> tuple[list[str], dict[str, Reason], list[Rejected]]:
    """Part the columns into those to select from, those that are scored and left out, and those refused unscored.

    Anchors are always admitted: they are a contract. `known` are the reasons against other columns, by name; a
    suspected leak is scored, since a person has to judge what it would add, and so is what is mostly missing.
    """
    admitted, left_out, unscored = list[str](), dict[str, Reason](), list[Rejected]()
    for name in (*names, *denied):
        of_values = screen(drawn.sample.features[name], len(drawn.sample.exposure), settings.max_missing_share)
        why = known.get(name, of_values)
        if name in settings.anchor_features:
            admitted.append(name)
        elif why is Reason.LEAK_SUSPECTED or (why is Reason.MOSTLY_MISSING and name not in denied):
            left_out[name] = why
        elif why is None and name in denied:
            left_out[name] = Reason.DENYLISTED
        elif why is None:
            admitted.append(name)
        elif name not in denied:
            unscored.append(Rejected(name, why))
    return admitted, left_out, unscored
