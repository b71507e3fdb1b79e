"""How many outcomes do we expect of a row? `base x product of factors`, one factor per value of each feature.

Each factor is `theta = (k + m) / (E + m)`: k outcomes seen, E expected under everything else in the model, m the
prior in expected outcomes. That is gamma-Poisson shrinkage toward 1, "what the rest of the model says already"
(multiplicative empirical Bayes, fitted by backfitting). On the odds scale (core/link.py) theta is that ratio over the
same ratio of exposures without an outcome, whose prior is m times the baseline's odds against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.model.link import Link, levelled, rate_of, strength_of
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by

BACKFIT_ROUNDS = 2
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Factor:
    """The factors of one feature: arrays of one length V, aligned with the feature's values.

    `expected` are the outcomes that everything else in the model expects; `prior` and `prior_without` are what
    shrinkage adds to outcomes and to exposures without one: a number, or one by value. `theta` is to the power of
    `slope` (core/slope.py).
    """

    theta: Floats
    outcome: Floats
    expected: Floats
    exposure: Floats
    prior: Floats | float
    prior_without: Floats | float
    slope: float = 1.0


@dataclass(frozen=True, slots=True)
class Sums:
    """What was seen of each value of a feature: outcomes and exposures."""

    outcome: Floats
    exposure: Floats


@dataclass(frozen=True, slots=True)
class FactorModel:
    """`base` is the strength (core/link.py) that factors multiply; `factors` keep the order of selection."""

    base: float
    factors: Mapping[str, Factor]
    link: Link = Link.LOG

    def strengths(self, sample: Sample) -> Floats:
        """Return the product of base and factors of each sampled row (n floats)."""
        strength = np.full(len(sample.exposure), self.base)
        for name, factor in self.factors.items():
            strength *= factor.theta.take(sample.features[name].codes)
        return strength

    def rates(self, sample: Sample) -> Floats:
        """Return expected outcomes per exposure of each sampled row (n floats)."""
        return rate_of(self.strengths(sample), self.link)


class Fitting:
    """A model while it is fitted: terms come one by one, and all can be fitted again to what the others left."""

    def __init__(self, sample: Sample, link: Link = Link.LOG) -> None:
        self.sample, self.link = sample, link
        k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
        self.base, self._total = strength_of(k / n, link), k
        # What factors multiply, row by row: on the log scale the expected outcomes themselves, else the odds.
        self._state = sample.exposure * self.base if link is Link.LOG else np.full(len(sample.exposure), self.base)
        self._odds_against = (n - k) / k if k > 0 else 0.0
        self._terms: dict[str, tuple[Feature, Factor]] = {}
        self._barred: dict[str, Ints] = {}

    @property
    def expected(self) -> Floats:
        """The outcomes that the model expects of each row (n floats); not to be written to."""
        return self._state if self.link is Link.LOG else self.sample.exposure * rate_of(self._state, self.link)

    def add(self, name: str, feature: Feature, prior: float) -> Factor:
        """Fit one more term to what the model leaves, and take it in."""
        size = len(feature.values)
        self._barred[name] = feature.barred
        unfitted = Factor(
            theta=np.ones(size),
            outcome=self.sample.outcomes_by(feature.codes, size),
            expected=np.zeros(size),
            exposure=sum_by(feature.codes, self.sample.exposure, size),
            prior=prior,
            prior_without=prior * self._odds_against,
        )
        return self._refit(name, feature, unfitted)

    def backfit(self, rounds: int = 1) -> None:
        """Fit each term again to what the others leave, and the level last."""
        for _ in range(rounds):
            for name, (feature, factor) in self._terms.items():
                self._refit(name, feature, factor)
        self.level()

    def level(self) -> None:
        """Bring the level to the outcomes that were seen."""
        if self._total <= 0:
            return
        if self.link is Link.LOG:
            level = self._total / float(self._state.sum())
        else:
            even = levelled(self._state, self.sample.exposure, self._total, self.link)
            level = float(even[0] / self._state[0])
        self._state *= level
        self.base *= level

    def model(self) -> FactorModel:
        """Return the model as it stands."""
        return FactorModel(float(self.base), {name: factor for name, (_, factor) in self._terms.items()}, self.link)

    def _refit(self, name: str, feature: Feature, old: Factor) -> Factor:
        e = sum_by(feature.codes, self.expected, len(feature.values))
        new = _next_log(old, e) if self.link is Link.LOG else _next_odds(old, e)
        new.theta[self._barred[name]] = 1.0
        self._state *= (new.theta / old.theta).take(feature.codes)
        self._terms[name] = feature, new
        return new


def fit(
    sample: Sample, priors: Mapping[str, float], link: Link = Link.LOG, rounds: int = BACKFIT_ROUNDS
) -> FactorModel:
    """Fit the factors of the features in `priors` (their m), in that order, then backfit them `rounds` times."""
    fitting = Fitting(sample, link)
    for name, prior in priors.items():
        fitting.add(name, sample.features[name], prior)
    fitting.backfit(rounds)
    return fitting.model()


def tempered(model: FactorModel, sample: Sample, slope: float) -> FactorModel:
    """Return the model with its factors to the power of a slope, at the level of the sample's outcomes."""
    steep = replace(model, factors={name: tempered_factor(factor, slope) for name, factor in model.factors.items()})
    total, strengths = float(sample.outcome.sum()), steep.strengths(sample)
    if total <= 0:
        return steep
    level = levelled(strengths, sample.exposure, total, model.link)[0] / strengths[0]
    return replace(steep, base=float(model.base * level))


def tempered_factor(factor: Factor, slope: float) -> Factor:
    """Return a factor to the power of a slope."""
    return replace(factor, theta=factor.theta**slope, slope=slope)


def shrunk(sums: Sums, expected: Floats, prior: Floats | float, prior_without: Floats | float, link: Link) -> Factor:
    """Return the factors of values with these outcomes and exposures, where that many outcomes were expected."""
    theta = (sums.outcome + prior) / (expected + prior)
    if link is Link.ODDS:
        rest = np.maximum(sums.exposure - expected, 0.0) + prior_without
        theta = theta * rest / np.maximum(sums.exposure - sums.outcome + prior_without, TINY)
    return Factor(theta, sums.outcome, expected, sums.exposure, prior, prior_without)


def _next_log(old: Factor, with_it: Floats) -> Factor:
    """Fit a factor anew: it is constant within its value, so that it divides out of what is expected with it."""
    e = with_it / old.theta
    total = float(e.sum())
    e *= old.outcome.sum() / total if total > 0 else 1.0
    return shrunk(Sums(old.outcome, old.exposure), e, old.prior, old.prior_without, Link.LOG)


def _next_odds(old: Factor, with_it: Floats) -> Factor:
    """Take a factor of odds one step nearer to where its value's rows, prior and all, expect what was seen.

    The prior is rows of the baseline's rate, on which the factor acts too. `expected` is what rows that are all alike
    would have to expect without the factor for it to be the closed form of `shrunk`: the rows are not alike, and odds
    do not divide out of a sum.
    """
    k, n, m, rest = old.outcome, old.exposure, old.prior, old.prior_without
    share = m / np.maximum(m + rest, TINY)
    of_prior = (m + rest) * share * old.theta / (1 + share * (old.theta - 1))
    without = np.maximum(n - k + rest, TINY)
    theta = old.theta * (k + m) / (with_it + of_prior)
    theta *= np.maximum(n - with_it + m + rest - of_prior, TINY) / without
    odds = (k + m) / without
    return Factor(theta, k, (odds * (n + rest) - theta * m) / (theta + odds), n, m, rest)
