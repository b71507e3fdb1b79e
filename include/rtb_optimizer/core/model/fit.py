"""Fits the factor model: expected outcomes of a row are `base x product of factors`, one factor per feature value.

Each factor is `theta = (k + m) / (E + m)`: k observed outcomes, E expected under everything else in the model, m the
prior in expected outcomes. That is gamma-Poisson shrinkage toward 1, the prediction of the rest of the model
(multiplicative empirical Bayes, fitted by backfitting). On the logit scale (core/model/link.py) theta is that ratio
over the same ratio of exposures without an outcome, whose prior is m times the baseline's odds against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_of, rescaled_to_total, strength_of
from rtb_optimizer.core.model.pooling import NOTHING_POOLED, PooledFeature
from rtb_optimizer.core.model.priors import Prior, Sums, aligned, expected_with, prior_of
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by

MAX_CYCLES = 30
"""Two rounds of backfitting each; correlated features need 3 to 10, independent ones 1."""
SETTLED_NATS = 0.001
"""A round that moves the log-likelihood by less for each effective factor has settled: sampling moves it by a half."""
MAX_EXTRAPOLATION = 16.0
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Factor:
    """The factors of one feature: arrays of one length V, aligned with the feature's values.

    `expected` are the outcomes that everything else in the model expects; `prior` and `prior_without` are what
    shrinkage adds to outcomes and to exposures without one: a number, or one by value. `centre` is what it shrinks to:
    1, or what other entities know (core/model/pooling.py). `theta` is to the power of `slope`
    (core/model/calibration.py).
    """

    theta: Floats
    outcome: Floats
    expected: Floats
    exposure: Floats
    prior: Floats | float
    prior_without: Floats | float
    slope: float = 1.0
    centre: Floats | float = 1.0


@dataclass(frozen=True, slots=True)
class FactorModel:
    """`base` is the strength (core/model/link.py) that factors multiply; `factors` keep the order of selection."""

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
    """A model under construction: terms are added one by one, and all can be refitted to what the others leave."""

    def __init__(self, sample: Sample, link: Link = Link.LOG) -> None:
        self.sample, self.link = sample, link
        k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
        self.base, self._total = strength_of(k / n, link), k
        # What factors multiply, row by row: on the log scale the expected outcomes, on the logit scale the odds.
        self._state = sample.exposure * self.base if link is Link.LOG else np.full(len(sample.exposure), self.base)
        self._odds_against = (n - k) / k if k > 0 else 0.0
        self._terms: dict[str, tuple[Feature, Factor]] = {}
        self._barred: dict[str, Ints] = {}

    @property
    def expected(self) -> Floats:
        """The outcomes that the model expects of each row (n floats); read only."""
        return self._state if self.link is Link.LOG else self.sample.exposure * rate_of(self._state, self.link)

    def add(self, name: str, feature: Feature, prior: float | Prior) -> Factor:
        """Fit one more term to the residual of the model, and add it."""
        size, prior = len(feature.values), prior if isinstance(prior, Prior) else Prior(prior)
        self._barred[name] = feature.barred
        unfitted = Factor(
            theta=np.ones(size),
            outcome=self.sample.outcomes_by(feature.codes, size),
            expected=np.zeros(size),
            exposure=sum_by(feature.codes, self.sample.exposure, size),
            prior=prior.strength,
            prior_without=prior.strength * self._odds_against,
            centre=prior.centre,
        )
        return self._refit(name, feature, unfitted)

    def branch(self) -> "Fitting":
        """Return a copy that terms can be added to without a change of this one."""
        branch = Fitting(self.sample, self.link)
        branch.base, branch._state = self.base, self._state.copy()
        branch._terms, branch._barred = dict(self._terms), dict(self._barred)
        return branch

    def backfit(self, rounds: int = 1) -> None:
        """Refit each term to what the others leave, and the intercept last."""
        for _ in range(rounds):
            for name, (feature, factor) in self._terms.items():
                self._refit(name, feature, factor)
        self.recalibrate_intercept()

    def settle(self) -> None:
        """Backfit until the factors settle.

        Features that are correlated settle slowly: rounds are extrapolated by SQUAREM (Varadhan and Roland, 2008, step
        length S3), and an extrapolation that moves the factors away is taken back.
        """
        reached, moved = self._log_factors(), np.inf
        for _ in range(MAX_CYCLES):
            start, first = self._log_factors(), self._log_factors_after_round()
            before, moved = moved, self._nats(first - start)
            if moved < SETTLED_NATS * self._effective_factors():
                return
            if moved > before:
                self._replace_factors(reached)
                continue
            reached = self._log_factors_after_round()
            step, curvature = first - start, reached - 2 * first + start
            length = min(_norm(step) / max(_norm(curvature), TINY), MAX_EXTRAPOLATION)
            if length > 1:
                self._replace_factors(start + 2 * length * step + length**2 * curvature)
        self.backfit()  # what is expected without each factor follows from the last round, never from an extrapolation

    def recalibrate_intercept(self) -> None:
        """Rescale the base so that expected outcomes add up to those observed."""
        if self._total <= 0:
            return
        if self.link is Link.LOG:
            scale = self._total / float(self._state.sum())
        else:
            rescaled = rescaled_to_total(self._state, self.sample.exposure, self._total, self.link)
            scale = float(rescaled[0] / self._state[0])
        self._state *= scale
        self.base *= scale

    def model(self) -> FactorModel:
        """Return the model as fitted so far."""
        return FactorModel(float(self.base), {name: factor for name, (_, factor) in self._terms.items()}, self.link)

    def _log_factors_after_round(self) -> Floats:
        self.backfit()
        return self._log_factors()

    def _log_factors(self) -> Floats:
        """Return the logs of all factors, one term after the other."""
        logs: Floats = np.log(np.concatenate([np.ones(0), *(factor.theta for _, factor in self._terms.values())]))
        return logs

    def _nats(self, step: Floats) -> float:
        """Return about what a step of the log factors changes the log-likelihood by."""
        evidence = np.concatenate([np.zeros(0), *(factor.outcome + factor.prior for _, factor in self._terms.values())])
        return float((evidence * step**2).sum()) / 2

    def _effective_factors(self) -> float:
        """Return how many factors there are, each counted by how little it is shrunk."""
        outcomes = [factor.outcome / (factor.outcome + factor.prior) for _, factor in self._terms.values()]
        return float(np.concatenate([np.zeros(0), *outcomes]).sum())

    def _replace_factors(self, logs: Floats) -> None:
        """Set all factors, given their logs one term after the other."""
        start = 0
        for name, (feature, factor) in self._terms.items():
            theta = np.exp(logs[start : start + len(factor.theta)])
            self._state *= (theta / factor.theta).take(feature.codes)
            self._terms[name] = feature, replace(factor, theta=theta)
            start += len(theta)
        self.recalibrate_intercept()

    def _refit(self, name: str, feature: Feature, old: Factor) -> Factor:
        e = sum_by(feature.codes, self.expected, len(feature.values))
        new = _next_log(old, e) if self.link is Link.LOG else _next_logit(old, e)
        new.theta[self._barred[name]] = 1.0
        self._state *= (new.theta / old.theta).take(feature.codes)
        self._terms[name] = feature, new
        return new


def fit(
    sample: Sample,
    priors: Mapping[str, float],
    link: Link = Link.LOG,
    pooled: Mapping[str, PooledFeature] = NOTHING_POOLED,
) -> FactorModel:
    """Fit the factors of the features in `priors` (their m), in that order, then backfit them until they settle.

    Those in `pooled` shrink to what other entities know.
    """
    fitting = Fitting(sample, link)
    for name, prior in priors.items():
        fitting.add(name, sample.features[name], prior_of(name, prior, sample, link, pooled))
    fitting.settle()
    return fitting.model()


def shrink_by_slope(model: FactorModel, sample: Sample, slope: float) -> FactorModel:
    """Return the model with its factors to the power of a slope, recalibrated to the sample's outcomes."""
    powered = replace(
        model, factors={name: shrink_factor_by_slope(factor, slope) for name, factor in model.factors.items()}
    )
    total, strengths = float(sample.outcome.sum()), powered.strengths(sample)
    if total <= 0:
        return powered
    scale = rescaled_to_total(strengths, sample.exposure, total, model.link)[0] / strengths[0]
    return replace(powered, base=float(model.base * scale))


def shrink_factor_by_slope(factor: Factor, slope: float) -> Factor:
    """Return a factor to the power of a slope."""
    return replace(factor, theta=factor.theta**slope, slope=slope)


def shrunk_factor(
    sums: Sums,
    expected: Floats,
    prior: Floats | float,
    prior_without: Floats | float,
    link: Link,
    centre: Floats | float = 1.0,
) -> Factor:
    """Return the factors of values with these outcomes and exposures, given the expected outcomes.

    What they shrink to, `centre`, is in the expectation: the rest of a factor shrinks to 1.
    """
    known = expected_with(expected, sums.exposure, centre, link)
    theta = (sums.outcome + prior) / (known + prior)
    if link is Link.LOGIT:
        rest = np.maximum(sums.exposure - known, 0.0) + prior_without
        theta = theta * rest / np.maximum(sums.exposure - sums.outcome + prior_without, TINY)
    return Factor(theta * centre, sums.outcome, expected, sums.exposure, prior, prior_without, centre=centre)


def _norm(vector: Floats) -> float:
    return float(np.sqrt((vector**2).sum()))


def _next_log(old: Factor, expected: Floats) -> Factor:
    """Refit a factor: it is constant within its value, so that it divides out of what is expected with it."""
    e = expected / old.theta
    total, sums = float(e.sum()), Sums(old.outcome, old.exposure)
    e *= old.outcome.sum() / total if total > 0 else 1.0
    centre = aligned(old.centre, sums, e, Link.LOG)
    return shrunk_factor(sums, e, old.prior, old.prior_without, Link.LOG, centre)


def _next_logit(old: Factor, expected: Floats) -> Factor:
    """Move a factor of odds one step toward the value at which its rows, prior included, expect the observed outcomes.

    The prior is rows of the baseline's rate, on which the factor acts too, beyond what it shrinks to. `expected` is
    what identical rows would have to expect without the factor for `shrunk_factor` to be its closed form: the rows
    differ, and odds do not divide out of a sum.
    """
    k, n, m, rest = old.outcome, old.exposure, old.prior, old.prior_without
    centre = aligned(old.centre, Sums(k, n), expected_with(expected, n, 1 / old.theta, Link.LOGIT), Link.LOGIT)
    share, beyond = m / np.maximum(m + rest, TINY), old.theta / centre
    expected_prior = (m + rest) * share * beyond / (1 + share * (beyond - 1))
    without = np.maximum(n - k + rest, TINY)
    beyond = beyond * (k + m) / (expected + expected_prior)
    beyond *= np.maximum(n - expected + m + rest - expected_prior, TINY) / without
    odds = (k + m) / without
    known = (odds * (n + rest) - beyond * m) / (beyond + odds)
    e = known if isinstance(centre, float) else expected_with(known, n, 1 / centre, Link.LOGIT)
    return Factor(beyond * centre, k, e, n, m, rest, centre=centre)
