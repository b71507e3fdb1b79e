"""Detects interactions: pairs and triples of the selected features.

Pairs of the chosen features are scored like any candidate, over everything in the model; an accepted pair opens its
triples. The model is refitted after each one: what a first interaction explains, a second must not claim again. All
terms are screened on a part of the rows without an outcome, and only the finalists are scored on all rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from rtb_optimizer.core.model.fit import Fitting
from rtb_optimizer.core.model.link import Link, baseline_deviance
from rtb_optimizer.core.model.pooling import NOTHING_POOLED, PooledFeature
from rtb_optimizer.core.model.priors import prior_of
from rtb_optimizer.core.sample.crossing import CellNumbers, cell_codes, crossed_feature, joint_codes
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.selection.scoring import PRIORS, Gain, cross_fitted_gain

SHRINKING = 1.05
"""The factor by which a gain may grow when others enter the model; a lazy search misses larger growth."""
SCREENED_ONE_IN = 4
SCREENED_FROM = 100_000
"""Samples of fewer rows are screened on all of them."""
FINALISTS = 3
ROUGH_PRIORS = PRIORS[1::3]
"""Enough for ranking: the gain has one wide peak."""
FEW_CELLS = 1 << 14
"""Up to this number of possible cells, counting empty ones costs less than renumbering the others."""

Term = tuple[str, ...]


MIN_INTERACTION_Z = 2.25
"""Of 2,072 pairs of features whose outcomes were drawn without any, none reached 1.5: cells that say nothing lose."""


@dataclass(frozen=True, slots=True)
class InteractionRules:
    """Stopping criteria: scores are shares of the baseline deviance, `min_z` standard errors of the gain."""

    at_most: int
    min_signal_score: float
    min_z: float = MIN_INTERACTION_Z


@dataclass(frozen=True, slots=True)
class Interaction:
    """Features that interact, in the order of selection, with the scores of their cells."""

    features: Term
    signal_score: float
    standard_error: float
    z: float
    prior: float

    @property
    def name(self) -> str:
        """The name of the interaction among a sample's features."""
        return segment_key(self.features)


def detect(
    sample: Sample,
    priors: Mapping[str, float],
    rules: InteractionRules,
    link: Link = Link.LOG,
    pooled: Mapping[str, PooledFeature] = NOTHING_POOLED,
) -> tuple[Interaction, ...]:
    """Return the interactions of the features in `priors` (their shrinkage, in order), the strongest first.

    Features in `pooled` shrink to what other entities know.
    """
    order, interactions = list(priors), list[Interaction]()
    if rules.at_most == 0 or len(order) < 2:  # noqa: PLR2004 - a pair
        return ()
    sample = sample.by_fold()
    base = baseline_deviance(float(sample.outcome.sum()), float(sample.exposure.sum()), link)
    fitting = Fitting(sample, link)
    for name, prior in priors.items():
        fitting.add(name, sample.features[name], prior_of(name, prior, sample, link, pooled))
    fitting.settle()
    screening = _Screening(sample, link)
    open_terms: list[Term] = list(combinations(order, 2))
    while open_terms and len(interactions) < rules.at_most:
        finalists = screening.best(open_terms, fitting.expected)
        scored = {term: _gain(sample, term, fitting.expected, link) for term in finalists}
        accepted = {t: g for t, g in scored.items() if g.nats >= rules.min_signal_score * base and g.z >= rules.min_z}
        if not accepted:
            break
        term = max(accepted, key=lambda t: accepted[t].nats)
        gain = accepted[term]
        interactions.append(Interaction(term, gain.nats / base, gain.standard_error / base, gain.z, gain.prior))
        fitting.add(interactions[-1].name, crossed_feature(sample, term), gain.prior)
        fitting.backfit()
        open_terms.remove(term)
        taken = {interaction.features for interaction in interactions}
        open_terms += [wider for wider in _wider(term, order) if wider not in taken and wider not in open_terms]
    return tuple(interactions)


class _Screening:
    """Ranks terms on the rows with an outcome and a part of the others, weighted back.

    Scores are cached from round to round: gains shrink as terms enter the model, so that few need to be computed again.
    """

    def __init__(self, sample: Sample, link: Link) -> None:
        self._link = link
        self._rows, self._weight = _part(sample)
        part = sample if self._rows is None else sample.at(self._rows)
        self._part = replace(part, exposure=part.exposure * self._weight)
        self._last: dict[Term, float] = {}

    def best(self, terms: list[Term], expected: Floats) -> list[Term]:
        """Return the finalists: the terms that gain most over `expected` (n floats of the whole sample)."""
        weighted = (expected if self._rows is None else expected.take(self._rows)) * self._weight
        known = [term for term in terms if term in self._last]
        ranked = sorted(known, key=lambda t: (-self._last[t], t))
        scores: dict[Term, float] = {t: self._score(t, weighted) for t in terms if t not in self._last}
        for term in ranked:
            leaders = sorted(scores.values(), reverse=True)[:FINALISTS]
            if len(leaders) == FINALISTS and self._last[term] * SHRINKING < leaders[-1]:
                break
            scores[term] = self._score(term, weighted)
        return sorted(scores, key=lambda t: (-scores[t], t))[:FINALISTS]

    def _score(self, term: Term, expected: Floats) -> float:
        self._last[term] = _gain(self._part, term, expected, self._link, ROUGH_PRIORS).nats
        return self._last[term]


def _part(sample: Sample) -> tuple[Ints | None, Floats]:
    n = len(sample.exposure)
    if n < SCREENED_FROM or len(sample.positive) > n // 2:
        return None, np.ones(n)
    others = np.flatnonzero(sample.outcome == 0)[::SCREENED_ONE_IN]
    rows = np.sort(np.concatenate([sample.positive, others]))
    return rows, np.where(sample.outcome[rows] == 0, float(SCREENED_ONE_IN), 1.0)


def _gain(sample: Sample, term: Term, expected: Floats, link: Link, priors: Sequence[float] = PRIORS) -> Gain:
    codes, size = joint_codes(sample, term)
    if size > FEW_CELLS:
        codes, size = cell_codes(sample, term)
    return cross_fitted_gain(Feature(codes, CellNumbers(size)), sample, expected, link, priors)


def _wider(term: Term, order: list[str]) -> list[Term]:
    """Return the triples that hold an accepted pair; wider ones are never tried."""
    if len(term) > 2:  # noqa: PLR2004 - a pair
        return []
    return [tuple(sorted((*term, name), key=order.index)) for name in order if name not in term]
