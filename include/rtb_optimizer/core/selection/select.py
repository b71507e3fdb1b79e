"""Selects features greedily, with an order, scores, and a reason code for every candidate left out.

Anchors first, in their configured order, scored but never dropped. Then greedily the candidate with the largest
cross-fitted gain over what is chosen, until none passes: gain too small, within its error, or no larger than that of
a shadow feature, the best candidate with its values permuted over the rows (as in Boruta).

At last, weak candidates: each is within its error, and several enter where chance would let at most a tenth of them
pass, so that the false discoveries among them are bounded (Benjamini and Hochberg, 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log10

import numpy as np

from rtb_optimizer.core.model.fit import Fitting
from rtb_optimizer.core.model.link import Link, baseline_deviance
from rtb_optimizer.core.model.pooling import PooledFeature
from rtb_optimizer.core.model.priors import prior_of
from rtb_optimizer.core.sample.sample import Feature, Ints, Sample
from rtb_optimizer.core.selection.interactions import SHRINKING, Interaction
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.core.selection.scoring import Gain, cross_fitted_gain, pooled_gain

SHADOW_SEED = 20_260_101
BEYOND_SHADOW_Z = 10.0
BACKFIT_SHARE = 0.1
"""A pick that gains less than this share of the first one does not trigger a backfit of the other factors."""
FADED_PRIOR = 1e12
"""The prior of what fades: so many outcomes as expected that every factor is 1, whatever the rows say."""
MANY_OUTCOMES = 15_000
Z_PER_DECADE, LEAST_Z = 0.17, 2.0
"""How `min_z` falls with fewer outcomes than many: measured on campaigns of 250 to 1,000 outcomes, where weak features
are most of what can be known, and on worlds of 250 to 3,000, where columns of noise stay out (`make bench`, `small`).
"""
WEAK, WEAK_AT = ((1.5, 0.0065), (1.25, 0.017), (1.0, 0.044)), 2.25
"""Standard errors asked of weak candidates, in proportion for a larger `min_z` than this one, and the share of columns
dealt to other rows that reach them: of 2,568 such columns of eight real logs and of small worlds."""
WEAK_FROM = 500
"""With fewer outcomes standard errors are themselves uncertain: three times as many columns of noise reach 1.5."""
FALSE_SHARE, LEAST_WEAK = 0.1, 3
"""Of weak candidates that enter, the largest share that chance may let pass, and the fewest that enter."""


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """Stopping criteria; scores are shares of the baseline deviance, `min_z` standard errors of the gain.

    `min_z` is for logs of many outcomes: with fewer, less is asked. Candidates that are `fading` stay, at the end, if
    they are not selected. What is `pooled` of other entities counts as evidence: such a feature needs a gain, not a
    significant one, and enters with fewer outcomes than `min_positives`.
    """

    max_features: int
    min_signal_score: float
    min_z: float
    min_positives: int
    leak_score: float
    allowed_leaks: frozenset[str] = frozenset()
    fading: frozenset[str] = frozenset()
    pooled: Mapping[str, PooledFeature] = field(default_factory=dict)

    def min_z_of(self, outcomes: float) -> float:
        """Return the standard errors that are asked of a gain, from the number of outcomes it was estimated on."""
        eased = self.min_z - Z_PER_DECADE * log10(MANY_OUTCOMES / max(outcomes, 1.0))
        return min(self.min_z, max(eased, LEAST_Z))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selected feature: its order from 1, incremental score, marginal score, and the prior of its factors.

    One that fades has not passed: it stays until its rows of the active run have moved to 1. The gain of an anchor, or
    of what is pooled, may not be significant: of fewer standard errors than are asked for this number of outcomes.
    A weak one is significant together with others alone. `pooled` is what its factors shrink to, where that is what
    other entities know.
    """

    name: str
    order: int
    is_anchor: bool
    signal_score: float
    standard_error: float
    marginal_score: float
    z: float
    prior: float
    is_fading: bool = False
    is_significant: bool = True
    is_weak: bool = False
    pooled: PooledFeature | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The result of selection."""

    chosen: tuple[Chosen, ...]
    rejected: tuple[Rejected, ...]
    interactions: tuple[Interaction, ...] = ()

    @property
    def priors(self) -> dict[str, float]:
        """The prior of each chosen feature and interaction, in order: the input of the model fit."""
        alone = {feature.name: feature.prior for feature in self.chosen}
        return alone | {interaction.name: interaction.prior for interaction in self.interactions}

    @property
    def pooled(self) -> dict[str, PooledFeature]:
        """What other entities know of the chosen features that shrink to it."""
        return {feature.name: feature.pooled for feature in self.chosen if feature.pooled is not None}


def select(
    sample: Sample,
    candidates: Sequence[str],
    anchors: Sequence[str],
    rules: SelectionRules,
    link: Link = Link.LOG,
    left_out: Mapping[str, Reason] | None = None,
) -> Selection:
    """Select from `candidates` (names of sample.features); an anchor need not be among them.

    What is `left_out` for a reason is never selected, but reported with the gain it would have added to the selection,
    as are candidates that alone explain more than `leak_score`.
    """
    search = _Search(sample.by_fold(), rules, link, list(dict.fromkeys((*anchors, *candidates, *(left_out or {})))))
    for name in anchors:
        search.take(name, search.score(name), is_anchor=True)
    remaining = [name for name in candidates if name not in anchors]
    unknown = []
    if sample.outcome.sum() < rules.min_positives:
        unknown = [Rejected(name, Reason.TOO_FEW_POSITIVES) for name in remaining if name not in rules.pooled]
        remaining = [name for name in remaining if name in rules.pooled]
        if not remaining:
            return search.selection(unknown)
    suspected = [n for n in remaining if search.alone(n) > rules.leak_score and n not in rules.allowed_leaks]
    left_out = {**(left_out or {}), **dict.fromkeys(suspected, Reason.LEAK_SUSPECTED)}
    rejected = unknown
    gains = {name: search.marginal[name] for name in remaining if name not in suspected}
    beaten_by_shadow = search.take_best(gains)
    if beaten_by_shadow is None:
        search.take_weak(gains)
    stays = [name for name in gains if name in rules.fading][: search.room]
    rejected += [search.left_out(name, gain, beaten_by_shadow) for name, gain in gains.items() if name not in stays]
    for name in stays:
        search.let_fade(name)
    rejected += [search.rejected(name, search.score(name), reason) for name, reason in left_out.items()]
    return search.selection(rejected)


class _Search:
    """The features chosen so far, and the gains of the others over them."""

    def __init__(self, sample: Sample, rules: SelectionRules, link: Link, names: Sequence[str]) -> None:
        self._sample, self._rules, self._link = sample, rules, link
        self._asked = self._min_z = rules.min_z_of(float(sample.outcome.sum()))
        self._is_enough = float(sample.outcome.sum()) >= rules.min_positives
        self._base = baseline_deviance(float(sample.outcome.sum()), float(sample.exposure.sum()), link)
        self._fitting = Fitting(sample, link)
        self._expected = self._fitting.expected
        self._permutation: Ints | None = None
        self._chosen: list[Chosen] = []
        self.marginal: Mapping[str, Gain] = {name: self._gain(name) for name in names}

    @property
    def room(self) -> int:
        """How many more features there may be: those that a person has no room for do not fade, they leave."""
        return max(self._rules.max_features - len(self._chosen), 0)

    def alone(self, name: str) -> float:
        """Return the score of a feature alone."""
        return self.marginal[name].nats / (self._base or 1.0)

    def score(self, name: str) -> Gain:
        """Return the gain of a feature over what is chosen."""
        return self._gain(name) if self._chosen else self.marginal[name]

    def take(self, name: str, gain: Gain, *, is_anchor: bool) -> None:
        """Choose a feature."""
        scale = self._base or 1.0
        scored = (gain.nats / scale, gain.standard_error / scale, self.alone(name), gain.z, gain.prior)
        pooled = self._rules.pooled[name] if gain.is_pooled else None
        passed = {"is_significant": gain.z >= self._min_z, "is_weak": self._min_z < self._asked}
        self._chosen.append(Chosen(name, len(self._chosen) + 1, is_anchor, *scored, **passed, pooled=pooled))
        known = {name: pooled} if pooled else {}
        prior = prior_of(name, gain.prior, self._sample, self._link, known)
        self._fitting.add(name, self._sample.features[name], prior)
        if gain.nats >= BACKFIT_SHARE * self.marginal[self._chosen[0].name].nats:
            self._fitting.backfit()
        else:
            self._fitting.recalibrate_intercept()
        self._expected = self._fitting.expected

    def let_fade(self, name: str) -> None:
        """Add a feature that says nothing: its rows move to 1, as far as a run may move them."""
        gain = replace(self.score(name), prior=FADED_PRIOR)
        scale = self._base or 1.0
        scored = (gain.nats / scale, gain.standard_error / scale, self.alone(name), gain.z, gain.prior)
        place = len(self._chosen) + 1
        self._chosen.append(Chosen(name, place, False, *scored, is_fading=True, is_significant=False))

    def take_best(self, gains: dict[str, Gain]) -> str | None:
        """Take the best of `gains` while one passes, and remove what is taken; return what a shadow feature beat."""
        while gains:
            best = self.best(gains)
            if best is None:
                return None
            if self.shadow_feature_wins(best, gains[best]):
                return best
            self.take(best, gains.pop(best), is_anchor=False)
        return None

    def take_weak(self, gains: dict[str, Gain]) -> None:
        """Take the weak candidates that are significant together, and remove them; none of `gains` passes alone."""
        if self._sample.outcome.sum() < WEAK_FROM:
            return
        strong, candidates = len(self._chosen), len(gains)
        for least_z, by_chance in WEAK:
            self._min_z = least_z * max(self._rules.min_z / WEAK_AT, 1.0)
            needed = max(LEAST_WEAK, candidates * by_chance / FALSE_SHARE) + strong - len(self._chosen)
            if sum(self._passes(gain) for gain in gains.values()) < needed:
                continue
            fitting, chosen, before = self._fitting.branch(), list(self._chosen), dict(gains)
            self.take_best(gains)
            if len(self._chosen) - len(chosen) < needed:
                self._fitting, self._chosen, self._expected = fitting, chosen, fitting.expected
                gains.update(before)
        self._min_z = self._asked

    def best(self, gains: dict[str, Gain]) -> str | None:
        """Return the candidate with the largest gain over what is chosen; `gains` are updated as far as needed.

        Lazily: in the order of the last gains, while one could still win. Gains shrink as features enter the model.
        """
        best: str | None = None
        for name in sorted(gains, key=lambda n: (-gains[n].nats, len(self._sample.features[n].values), n)):
            if best is not None and gains[name].nats * SHRINKING < gains[best].nats:
                break
            gains[name] = self.score(name)
            if self._passes(gains[name]) and (best is None or gains[name].nats > gains[best].nats):
                best = name
        return best

    def shadow_feature_wins(self, name: str, gain: Gain) -> bool:
        """Whether the feature's permuted values gain as much: then its own gain is noise.

        A gain of many standard errors is far beyond that of any shadow feature, and is not tested.
        """
        if gain.z >= BEYOND_SHADOW_Z:
            return False
        if self._permutation is None:
            self._permutation = np.random.default_rng(SHADOW_SEED).permutation(len(self._sample.exposure))
        feature = self._sample.features[name]
        shadow = replace(feature, codes=feature.codes.take(self._permutation))
        return self._gain_of(name, shadow).nats >= gain.nats

    def left_out(self, name: str, gain: Gain, beaten_by_shadow: str | None) -> Rejected:
        """Return the rejection of a candidate that remained at the end: others may carry its signal already.

        One that still passes was left out because of `max_features`, or because a shadow feature had won.
        """
        own = self._stop(gain, 0)
        had_signal = self._stop(self.marginal[name], 0) is None
        otherwise = Reason.MAX_FEATURES if beaten_by_shadow is None else Reason.SHADOW_FEATURE
        return self.rejected(name, gain, otherwise if own is None else Reason.REDUNDANT if had_signal else own)

    def rejected(self, name: str, gain: Gain, reason: Reason) -> Rejected:
        """Reject a candidate with its scores."""
        scale = self._base or 1.0
        return Rejected(name, reason, gain.nats / scale, self.alone(name), gain.standard_error / scale, gain.z)

    def selection(self, rejected: Sequence[Rejected]) -> Selection:
        """Return the result, rejections by name."""
        return Selection(tuple(self._chosen), tuple(sorted(rejected, key=lambda r: r.name)))

    def _gain(self, name: str) -> Gain:
        return self._gain_of(name, self._sample.features[name])

    def _gain_of(self, name: str, feature: Feature) -> Gain:
        """Return the gain of a feature: by its own outcomes alone, or with what other entities know if that is more."""
        own = cross_fitted_gain(feature, self._sample, self._expected, self._link)
        if name not in self._rules.pooled:
            return own
        known = pooled_gain(feature, self._sample, self._expected, self._rules.pooled[name], own.prior, self._link)
        return own if own.nats > known.nats and own.z >= self._min_z else known

    def _passes(self, gain: Gain) -> bool:
        return self._stop(gain, len(self._chosen)) is None

    def _stop(self, gain: Gain, count: int) -> Reason | None:
        if count >= self._rules.max_features:
            return Reason.MAX_FEATURES
        least = self._rules.min_signal_score * self._base
        if gain.is_pooled:
            return Reason.NO_GAIN if gain.nats <= (least if self._is_enough else -gain.odds) else None
        if gain.nats < least:
            return Reason.NO_GAIN
        return Reason.NOT_SIGNIFICANT if gain.z < self._min_z else None
