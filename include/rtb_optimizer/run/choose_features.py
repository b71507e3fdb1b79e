"""Draws the sample, and selects features and interactions on all of its rows but the hold-out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.model.link import Link, link_of
from rtb_optimizer.core.model.pooling import NOTHING_POOLED, PooledFeature
from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.selection.bands import in_bands
from rtb_optimizer.core.selection.fading import fading_features, fading_interactions
from rtb_optimizer.core.selection.hidden_pairs import HiddenPairs, PairRules, with_hidden_pairs
from rtb_optimizer.core.selection.interactions import InteractionRules, detect
from rtb_optimizer.core.selection.leaks import Suspicion, suspected_from
from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.core.selection.select import Selection, SelectionRules, select
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.engines.passes.duplicates import require_few_repeats
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.outputs.documents.pooled import NO_SIBLINGS, PooledDocument
from rtb_optimizer.run.bought_sample import NOTHING_KNOWN_OF_BIDS, Bidding, BidFindings, draw_bought
from rtb_optimizer.run.find_leaks import (
    leaks_by_score,
    leaks_together,
    pair_suspicion,
    without_interactions,
)
from rtb_optimizer.run.losses import BANDED, unused_gains, unused_pairs
from rtb_optimizer.run.screen_candidates import Candidates, columns_drawn, leak_rules, screen_candidates


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection, the link it was made under, the sample it was made on, and warnings about the values in it.

    `whole` is the sample with every column that was drawn; `suspicions` are the columns that are suspected to leak the
    outcome, by name: left out, or anchors; `unjoined` is the share of the outcomes that stand in rows of their own.
    """

    selection: Selection
    link: Link
    drawn: Drawn
    whole: Drawn
    suspicions: Mapping[str, Suspicion]
    warnings: tuple[RunWarning, ...]
    bids: BidFindings
    unjoined: float = 0.0


@dataclass(frozen=True, slots=True)
class Background:
    """What a selection stands on beside the logs.

    Attributes:
        without_macro: Candidates that a required format could not address.
        bidding: The bids behind the logs.
        pooled: What other entities have in common.
    """

    without_macro: Collection[str] = ()
    bidding: Bidding = NOTHING_KNOWN_OF_BIDS
    pooled: PooledDocument = NO_SIBLINGS


NO_BACKGROUND = Background()


def choose_features(
    engine: Engine, table: LogTable, profile: Profile, background: Background = NO_BACKGROUND
) -> Choice:
    """Draw the sample, reject what cannot be a segment, select on all but the hold-out.

    Args:
        engine: Where counting runs.
        table: The logs.
        profile: The window as a whole.
        background: What is known beside the logs.

    Raises:
        LogsInvalid: when too many rows repeat the id of another, or the hold-out leaves no row to learn from.
    """
    bidding = background.bidding
    columns = columns_drawn(table.settings, table.types.keys(), background.without_macro)
    drawn, bids = draw_bought(engine, table, columns, profile, bidding)
    require_few_repeats(engine, table, drawn.duplicates, profile.totals.rows)
    effective = profile.totals.outcome / profile.design_effect
    candidates = Candidates(
        [*table.types], drawn, effective, bidding.before, bidding.features, background.without_macro, background.pooled
    )
    return choose_from(candidates, bids, table.settings)


def choose_from(candidates: Candidates, bids: BidFindings, settings: Settings) -> Choice:
    """Reject what cannot be a segment, and select from a sample that is drawn; see `choose_features`.

    Args:
        candidates: What is selected from.
        bids: How the sample was bought.
        settings: The rules; the columns that they name are in the sample.
    """
    screening = screen_candidates(candidates, settings)
    settings = leak_rules(settings, screening.unjoined)
    drawn = _with_columns(candidates.drawn, [*settings.anchor_features, *screening.scored, *candidates.compared])
    sample = drawn.sample
    link = link_of(settings.link, sample.outcome.sum(), sample.exposure.sum(), is_money=settings.objective == "value")
    rules = Rules.of(settings, candidates.outcomes, candidates.before, candidates.pooled.features(link))
    rules = rules.at(sample, link)
    banded = _banded(candidates.drawn, [name for name in screening.names if name not in screening.flagged])
    pairs = _selected(
        replace(drawn, sample=replace(sample, features={**sample.features, **banded})),
        screening.admitted,
        {**screening.left_out, **dict.fromkeys(banded, Reason.NEAR_UNIQUE)},
        rules,
        link,
        partial(pair_suspicion, drawn=drawn, settings=settings),
    )
    warnings = (*screening.warnings, *unused_gains(pairs.selection, screening.names), *unused_pairs(pairs.unused))
    scored = [each for each in pairs.selection.rejected if each.name not in banded]
    rejected = tuple(sorted((*scored, *screening.unscored), key=lambda each: each.name))
    suspicions = {**screening.suspicions, **pairs.suspicions}
    suspicions |= leaks_by_score(scored, suspicions, rules.selection.leak_score)
    together = leaks_together(pairs.selection.interactions, drawn, settings)
    chosen = without_interactions(replace(pairs.selection, rejected=rejected), together)
    suspicions |= together
    return Choice(chosen, link, drawn, candidates.drawn, suspicions, warnings, bids, screening.unjoined)


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

    def at(self, sample: Sample, link: Link) -> Self:
        """Return the rules with the leak threshold for the rate of outcomes of a sample."""
        rate = float(sample.outcome.sum() / sample.exposure.sum()) if sample.exposure.sum() > 0 else 0.0
        least = suspected_from(self.selection.leak_score, rate, link)
        return replace(self, selection=replace(self.selection, leak_score=least))


def _selected(
    drawn: Drawn,
    admitted: Sequence[str],
    left_out: Mapping[str, Reason],
    rules: Rules,
    link: Link,
    suspicion_of: Callable[[Sequence[str]], Suspicion | None],
) -> HiddenPairs:
    """Select features, interactions, and pairs that say something only together, on all rows but the hold-out."""
    training = drawn.sample.where(~drawn.holdout)
    if not training.exposure.sum() > 0:
        raise LogsInvalid(
            f"{len(drawn.sample.exposure)} rows are too few: all that were drawn are held out, and none is left to "
            "learn from"
        )
    selection = select(training, admitted, rules.anchors, rules.selection, link, left_out)
    passed = {feature.name: feature.prior for feature in selection.chosen if not feature.is_fading}
    selection = replace(selection, interactions=detect(training, passed, rules.interactions, link, selection.pooled))
    of_pairs = PairRules(rules.selection, rules.interactions, suspicion_of)
    pairs = with_hidden_pairs(training, selection, of_pairs, link)
    found, order = pairs.selection.interactions, [feature.name for feature in pairs.selection.chosen]
    whole = replace(pairs.selection, interactions=(*found, *fading_interactions(rules.far, order, found)))
    return replace(pairs, selection=whole)


def _banded(drawn: Drawn, names: Sequence[str]) -> dict[str, Feature]:
    """Return the columns of numbers in bands, by a name of their own: to be scored, and in no table."""
    sample = drawn.sample
    banded = {BANDED.format(name): in_bands(sample.features[name], sample.exposure) for name in names}
    return {name: feature for name, feature in banded.items() if feature is not None}


def _with_columns(drawn: Drawn, names: Sequence[str]) -> Drawn:
    """Return the sample with only these of its features, as far as it has them."""
    present = [name for name in names if name in drawn.sample.features]
    return replace(drawn, sample=drawn.sample.with_features(present))
