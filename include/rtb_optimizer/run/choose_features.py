"""Screens the candidates, draws the sample, and selects features and interactions on all rows but the hold-out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Self

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.model.link import Link, link_of
from rtb_optimizer.core.model.pooling import NOTHING_POOLED, PooledFeature
from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.selection.bands import in_bands
from rtb_optimizer.core.selection.denied_names import denied_names
from rtb_optimizer.core.selection.fading import fading_features, fading_interactions
from rtb_optimizer.core.selection.identifiers import identifier_warnings, identifying, require_no_addresses
from rtb_optimizer.core.selection.interactions import InteractionRules, detect
from rtb_optimizer.core.selection.leaks import (
    Suspicion,
)
from rtb_optimizer.core.selection.rejection import Reason, Rejected, screen
from rtb_optimizer.core.selection.select import Selection, SelectionRules, select
from rtb_optimizer.core.selection.unjoined import MAX_UNJOINED, unjoined_share
from rtb_optimizer.core.selection.value_checks import value_warnings
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.engines.passes.duplicates import require_few_repeats
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.outputs.documents.pooled import NO_SIBLINGS, PooledDocument
from rtb_optimizer.run.bought_sample import NOTHING_KNOWN_OF_BIDS, Bidding, BidFindings, draw_bought
from rtb_optimizer.run.find_leaks import leaks_by_score, leaks_by_values, leaks_together, without_interactions
from rtb_optimizer.run.losses import BANDED, absent_columns, unused_gains


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection, the link it was made under, the sample it was made on, and warnings about the values in it.

    `suspicions` are the columns that are suspected to leak the outcome, by name: left out, or anchors; `unjoined` is
    the share of the outcomes that stand in rows of their own; `whole` is the sample with every column that was drawn,
    where it is to be kept.
    """

    selection: Selection
    link: Link
    drawn: Drawn
    suspicions: Mapping[str, Suspicion]
    warnings: tuple[RunWarning, ...]
    bids: BidFindings
    unjoined: float = 0.0
    whole: Drawn | None = None


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


def choose_features(  # noqa: PLR0913 - what a selection stands on
    engine: Engine,
    table: LogTable,
    profile: Profile,
    without_macro: Collection[str] = (),
    bidding: Bidding = NOTHING_KNOWN_OF_BIDS,
    *,
    pooled: PooledDocument = NO_SIBLINGS,
    keep_whole: bool = False,
) -> Choice:
    """Draw the sample, reject what cannot be a segment, select on all but the hold-out.

    Args:
        engine: Where counting runs.
        table: The logs.
        profile: The window as a whole.
        without_macro: Candidates that a required format could not address.
        bidding: What is known of the bids behind the logs.
        pooled: What other entities have in common.
        keep_whole: Whether the sample is handed on with every column that was drawn.

    Raises:
        LogsInvalid: when too many rows repeat the id of another, or the hold-out leaves no row to learn from.
    """
    columns = columns_drawn(table.settings, table.types.keys(), without_macro)
    drawn, bids = draw_bought(engine, table, columns, profile, bidding)
    require_few_repeats(engine, table, drawn.duplicates, profile.totals.rows)
    effective = profile.totals.outcome / profile.design_effect
    of = Candidates([*table.types], drawn, effective, bidding.before, bidding.features, without_macro, pooled)
    choice = choose_from(of, bids, table.settings)
    return replace(choice, whole=drawn) if keep_whole else choice


def choose_from(candidates: Candidates, bids: BidFindings, settings: Settings) -> Choice:
    """Reject what cannot be a segment, and select from a sample that is drawn; see `choose_features`.

    Args:
        candidates: What is selected from.
        bids: What is known of the bids behind the sample.
        settings: The rules; the columns that they name are in the sample.
    """
    s, drawn = settings, candidates.drawn
    early, names = admissible(s, candidates.columns, candidates.without_macro)
    denied = _denied(early, candidates.columns)
    warnings = value_warnings(drawn.sample.with_features(names), s.anchor_features, s.max_missing_share)
    found = identifying(drawn.sample, names, s.allowed_identifiers)
    require_no_addresses(found, s.anchor_features)
    warnings += (*identifier_warnings(found, s.anchor_features), *absent_columns(s, early, candidates.columns))
    unjoined = unjoined_share(drawn.sample, names)
    if unjoined > MAX_UNJOINED:  # the cause is known and named: no column leaks by itself
        s = replace(s, leak_score=inf)
    suspicions = leaks_by_values(names, drawn, s) if s.leak_score < inf else {}
    why_not = dict.fromkeys(found, Reason.IDENTIFIER) | dict.fromkeys(suspicions, Reason.LEAK_SUSPECTED)
    admitted, left_out, unscored = _screened(names, denied, why_not, drawn, s)
    early = [r for r in early if r.name not in left_out] + unscored
    banded = _banded(drawn, [name for name in names if name not in why_not])
    drawn = _with_columns(drawn, [*s.anchor_features, *admitted, *left_out, *candidates.compared])
    sample = drawn.sample
    link = link_of(s.link, sample.outcome.sum(), sample.exposure.sum(), is_money=s.objective == "value")
    rules = Rules.of(s, candidates.outcomes, candidates.before, candidates.pooled.features(link))
    beside = replace(drawn, sample=replace(sample, features={**sample.features, **banded}))
    selection = _selected(beside, admitted, left_out | dict.fromkeys(banded, Reason.NEAR_UNIQUE), rules, link)
    warnings += (*unused_gains(selection, names),)
    selection = replace(selection, rejected=tuple(r for r in selection.rejected if r.name not in banded))
    rejected = tuple(sorted((*selection.rejected, *early), key=lambda r: r.name))
    suspicions |= leaks_by_score(selection.rejected, suspicions, s.leak_score)
    together = leaks_together(selection.interactions, drawn, s) if s.leak_score < inf else {}
    chosen = without_interactions(replace(selection, rejected=rejected), together)
    suspicions |= together
    return Choice(chosen, link, drawn, suspicions, warnings, bids, unjoined)


@dataclass(frozen=True, slots=True)
class Rules:
    """When selection and the search for interactions stop; `far` are terms of the active run with rows to move to 1."""

    selection: SelectionRules
    interactions: InteractionRules
    far: Sequence[Collection[str]]
    anchors: Sequence[str]

    @classmethod
    def of(
        cls,
        settings: Settings,
        outcomes: float,
        before: PublishedTable | None,
        pooled: Mapping[str, PooledFeature] = NOTHING_POOLED,
    ) -> Self:
        """Return the rules for a window: of too few outcomes, nothing but anchors and what is pooled is selected."""
        far = before.terms_beyond(settings.max_movement) if before else []
        enough = outcomes >= settings.min_positives  # as the gate
        selection = replace(settings.selection_rules, fading=fading_features(far), pooled=pooled)
        interactions = settings.interaction_rules if enough else replace(settings.interaction_rules, at_most=0)
        if enough:  # the window has enough, even if the part of it that is learned from has not
            selection = replace(selection, min_positives=0)
        return cls(selection, interactions, far, settings.anchor_features)


def _selected(
    drawn: Drawn, admitted: Sequence[str], left_out: Mapping[str, Reason], rules: Rules, link: Link
) -> Selection:
    """Select features and interactions on all rows but the hold-out."""
    training = drawn.sample.where(~drawn.holdout)
    if not training.exposure.sum() > 0:
        raise LogsInvalid(
            f"{len(drawn.sample.exposure)} rows are too few: all that were drawn are held out, and none is left to "
            "learn from"
        )
    selection = select(training, admitted, rules.anchors, rules.selection, link, left_out)
    passed = {feature.name: feature.prior for feature in selection.chosen if not feature.is_fading}
    found = detect(training, passed, rules.interactions, link, selection.pooled)
    order = [feature.name for feature in selection.chosen]
    return replace(selection, interactions=(*found, *fading_interactions(rules.far, order, found)))


def _banded(drawn: Drawn, names: Sequence[str]) -> dict[str, Feature]:
    """Return the columns of numbers in bands, by a name of their own: to be scored, and in no table."""
    sample = drawn.sample
    banded = {BANDED.format(name): in_bands(sample.features[name], sample.exposure) for name in names}
    return {name: feature for name, feature in banded.items() if feature is not None}


def _with_columns(drawn: Drawn, names: Sequence[str]) -> Drawn:
    """Return the sample with only these of its features, as far as it has them."""
    present = [name for name in names if name in drawn.sample.features]
    return replace(drawn, sample=drawn.sample.with_features(present))


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


def _screened(
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
