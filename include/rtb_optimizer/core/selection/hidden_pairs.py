"""Finds pairs of columns that say something together, of which at least one says nothing alone.

The greedy search takes a column for what it gains by itself: of two whose combination decides (a bit and its exclusive
or), it takes neither. All pairs that are not of two selected features are screened over everything in the model
(`pair_screen`); the best of those beyond chance are scored like interactions, over the model with both main effects, on
all rows. A pair enters with the columns that it lacks if its cross-fitted gain

- is worth what enters: `min_signal_score` for the pair, and once more for each column that comes with it;
- is as significant as an interaction has to be, corrected for the number of pairs that were tried (Bonferroni);
- is more than its cells gain when they are dealt to other rows, as of any feature;
- is no leak of the outcome.

Then interactions are detected again among all features, so that a pair may open its triples, and competes for
`max_interactions` by what it gains. A pair that passes and has no room is reported.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np

from rtb_optimizer.core.model.fit import Fitting
from rtb_optimizer.core.model.link import Link, baseline_deviance
from rtb_optimizer.core.model.priors import prior_of
from rtb_optimizer.core.sample.crossing import CellNumbers, cell_codes, crossed_feature
from rtb_optimizer.core.sample.sample import Feature, Floats, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.selection.interactions import InteractionRules, detect
from rtb_optimizer.core.selection.leaks import Suspicion
from rtb_optimizer.core.selection.pair_screen import Pair, PairScreen
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.core.selection.scoring import Gain, cross_fitted_gain
from rtb_optimizer.core.selection.select import BEYOND_SHADOW_Z, SHADOW_SEED, Chosen, Selection, SelectionRules

FINALISTS = 4
ROUNDS = 3
"""Rounds of backfitting of the model that pairs are screened over: what is left unsettled is in their main effects."""
SCREENED_LEVEL = 0.05
"""The level of the screen for all pairs together: what passes by chance costs time and is judged again."""
SAYS_NOTHING_ALONE = frozenset(
    {Reason.NO_GAIN, Reason.NOT_SIGNIFICANT, Reason.REDUNDANT, Reason.SHADOW_FEATURE, Reason.MAX_FEATURES}
)
"""The reasons against a column alone; what is denied, suspected or mostly missing is in no pair either."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """The rules of selection and of interactions, and why a pair is suspected to leak the outcome, if it is."""

    selection: SelectionRules
    interactions: InteractionRules
    suspicion: Callable[[Pair], Suspicion | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Unused:
    """A pair that passed and is not used; `limit` is the setting that left no room, scores are as of interactions."""

    pair: Pair
    limit: str
    signal_score: float
    z: float


@dataclass(frozen=True, slots=True)
class HiddenPairs:
    """The selection with the pairs that were found, what had no room, and the suspected ones by name."""

    selection: Selection
    unused: tuple[Unused, ...] = ()
    suspicions: Mapping[str, Suspicion] = field(default_factory=dict)


def with_hidden_pairs(sample: Sample, selection: Selection, rules: PairRules, link: Link) -> HiddenPairs:
    """Return a selection with the pairs that say something only together, and the columns that they lack.

    Args:
        sample: The rows that were selected from.
        selection: What was selected from them, with its interactions; columns that fade may be part of a pair.
        rules: When a pair is taken.
        link: The link that was selected under.
    """
    eligible = _eligible(sample, selection)
    if rules.interactions.at_most == 0 or not eligible or not sample.outcome.sum() > 0:
        return HiddenPairs(selection)
    search = _Search(sample.by_fold(), selection, rules, link, eligible)
    while search.takes_another():
        pass
    if not search.taken:
        return HiddenPairs(_with_suspected(selection, search), tuple(search.unused), search.suspicions)
    chosen = search.chosen_with_columns()
    real = {each.name: each.prior for each in chosen if not each.is_fading}
    found = detect(sample, real, rules.interactions, link, selection.pooled)
    in_use = {name for interaction in found for name in interaction.features}
    lost = [each for each in search.taken if not in_use.issuperset(set(each.pair) & eligible.keys())]
    dropped = {name for each in lost for name in each.pair if name in eligible} - in_use
    unused = [*search.unused, *(replace(each, limit="max_interactions") for each in lost)]
    kept = _numbered([each for each in chosen if each.name not in dropped or each.is_fading])
    entered = {each.name for each in kept}
    rejected = tuple(each for each in selection.rejected if each.name not in entered)
    whole = Selection(kept, rejected, found)
    return HiddenPairs(_with_suspected(whole, search), tuple(unused), search.suspicions)


class _Search:
    """The model with the pairs taken so far, and the pairs that are open."""

    def __init__(
        self, sample: Sample, selection: Selection, rules: PairRules, link: Link, eligible: Mapping[str, float]
    ) -> None:
        self._sample, self._selection, self._rules, self._link = sample, selection, rules, link
        self._eligible = eligible
        self._base = baseline_deviance(float(sample.outcome.sum()), float(sample.exposure.sum()), link)
        self._fitting = _fitted(sample, selection, link)
        self._features = [each.name for each in selection.chosen if not each.is_fading]
        names = [*self._features, *eligible]
        open_pairs = combinations(names, 2)
        self._open = [pair for pair in open_pairs if not set(self._features).issuperset(pair)]
        self._least_z = _corrected(rules.interactions.min_z, len(self._open))
        self._screened_z = NormalDist().inv_cdf(1 - SCREENED_LEVEL / max(len(self._open), 1))
        self._screen = PairScreen(sample, names, len(self._open)) if self._open else None
        self._gains: dict[str, Gain] = {}
        self.taken: list[Unused] = []
        self.unused: list[Unused] = []
        self.suspicions: dict[str, Suspicion] = {}
        self.suspected: list[Rejected] = []

    def takes_another(self) -> bool:
        """Look for the best pair over the model, take or report it, and return whether there may be another."""
        passed = {pair: scored for pair in self._finalists() if self._passes(pair, scored := self._scored(pair))}
        if not passed:
            return False
        pair = max(passed, key=lambda each: passed[each][-1].nats)
        *of_columns, gain = passed[pair]
        self._open.remove(pair)
        found = Unused(pair, "", gain.nats / self._base, gain.z)
        suspicion = self._rules.suspicion(pair)
        if suspicion is not None:
            name = segment_key(pair)
            self.suspicions[name] = suspicion
            scores = (found.signal_score, found.signal_score, gain.standard_error / self._base, gain.z)
            self.suspected.append(Rejected(name, Reason.LEAK_SUSPECTED, *scores))
        elif len(of_columns) > self._room(pair):
            self.unused.append(replace(found, limit="max_features"))
        else:
            self._take(found, of_columns, gain)
        return len(self.taken) < self._rules.interactions.at_most and len(self.unused) < FINALISTS

    def chosen_with_columns(self) -> list[Chosen]:
        """Return the chosen features and then the columns of the pairs taken; those that fade come last."""
        rejected = {each.name: each for each in self._selection.rejected}
        fading = {each.name: each for each in self._selection.chosen if each.is_fading}
        columns = []
        for name, gain in self._gains.items():
            alone = rejected[name].marginal_score if name in rejected else fading[name].marginal_score
            scores = (gain.nats / self._base, gain.standard_error / self._base, alone or 0.0, gain.z, gain.prior)
            columns.append(Chosen(name, 0, False, *scores, is_significant=False))
        real = [each for each in self._selection.chosen if not each.is_fading]
        return [*real, *columns, *(each for each in fading.values() if each.name not in self._gains)]

    def _finalists(self) -> list[Pair]:
        """Return the pairs that exceed chance most, of those beyond it."""
        if self._screen is None or not self._open:
            return []
        screened = self._screen.over(self._fitting.expected, self._open)
        beyond = [each for each in screened if each.z > self._screened_z]
        return [each.pair for each in sorted(beyond, key=lambda each: (-each.excess, each.pair))[:FINALISTS]]

    def _scored(self, pair: Pair) -> list[Gain]:
        """Return the gains of the columns that a pair lacks, each over those before it, and last that of its cells."""
        branch, gains = self._fitting.branch(), list[Gain]()
        for name in self._lacking(pair):
            gains.append(self._gain(self._sample.features[name], branch.expected))
            branch.add(name, self._sample.features[name], gains[-1].prior)
        branch.backfit()
        cells = self._cells(pair)
        gain = self._gain(cells, branch.expected)
        if gain.z < BEYOND_SHADOW_Z and self._is_enough(pair, gain):
            order = np.random.default_rng(SHADOW_SEED).permutation(len(cells.codes))
            shadow = self._gain(replace(cells, codes=cells.codes.take(order)), branch.expected)
            gain = gain if shadow.nats < gain.nats else replace(gain, nats=0.0)
        return [*gains, gain]

    def _passes(self, pair: Pair, scored: Sequence[Gain]) -> bool:
        return self._is_enough(pair, scored[-1])

    def _is_enough(self, pair: Pair, gain: Gain) -> bool:
        least = self._rules.interactions.min_signal_score * self._base * (1 + len(self._lacking(pair)))
        return gain.nats >= max(least, 0.0) and gain.z >= self._least_z

    def _take(self, found: Unused, of_columns: Sequence[Gain], gain: Gain) -> None:
        for name, of_column in zip(self._lacking(found.pair), of_columns, strict=True):
            self._gains[name] = of_column
            self._fitting.add(name, self._sample.features[name], of_column.prior)
        self._fitting.add(segment_key(found.pair), crossed_feature(self._sample, found.pair), gain.prior)
        self._fitting.backfit()
        self.taken.append(found)
        features = {*self._features, *self._gains}
        self._open = [pair for pair in self._open if not features.issuperset(pair)]

    def _lacking(self, pair: Pair) -> list[str]:
        return [name for name in pair if name in self._eligible and name not in self._gains]

    def _room(self, pair: Pair) -> int:
        """Return how many columns may enter; one that fades has its place."""
        fading = {each.name for each in self._selection.chosen if each.is_fading}
        taken = len(self._selection.chosen) + len(self._gains.keys() - fading)
        return self._rules.selection.max_features - taken + len(fading.intersection(self._lacking(pair)))

    def _cells(self, pair: Pair) -> Feature:
        codes, size = cell_codes(self._sample, pair)
        return Feature(codes, CellNumbers(size))

    def _gain(self, feature: Feature, expected: Floats) -> Gain:
        return cross_fitted_gain(feature, self._sample, expected, self._link)


def _eligible(sample: Sample, selection: Selection) -> dict[str, float]:
    """Return the columns that may be in a pair without being a feature alone, with their scores alone."""
    rejected = [r for r in selection.rejected if r.reason in SAYS_NOTHING_ALONE and r.name in sample.features]
    fading = [(each.name, each.marginal_score) for each in selection.chosen if each.is_fading]
    return dict(sorted([*((r.name, r.marginal_score or 0.0) for r in rejected), *fading]))


def _fitted(sample: Sample, selection: Selection, link: Link) -> Fitting:
    fitting = Fitting(sample, link)
    for each in selection.chosen:
        if not each.is_fading:
            prior = prior_of(each.name, each.prior, sample, link, selection.pooled)
            fitting.add(each.name, sample.features[each.name], prior)
    for interaction in selection.interactions:
        fitting.add(interaction.name, crossed_feature(sample, interaction.features), interaction.prior)
    fitting.backfit(ROUNDS)
    return fitting


def _corrected(z: float, tried: int) -> float:
    """Return the standard errors that are as unlikely for the largest of so many as `z` is for one."""
    level = NormalDist().cdf(-z) / max(tried, 1)
    return -NormalDist().inv_cdf(level) if level > 0 else z


def _numbered(chosen: Sequence[Chosen]) -> tuple[Chosen, ...]:
    return tuple(replace(each, order=place) for place, each in enumerate(chosen, start=1))


def _with_suspected(selection: Selection, search: _Search) -> Selection:
    rejected = sorted((*selection.rejected, *search.suspected), key=lambda each: each.name)
    return replace(selection, rejected=tuple(rejected))
