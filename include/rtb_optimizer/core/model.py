"""How many outcomes do we expect of a row? `base x product of factors`, one factor per value of each feature.

Each factor is `theta = (k + m) / (E + m)`: k outcomes seen, E expected under everything else in the model, m the
prior in expected outcomes. That is gamma-Poisson shrinkage toward 1, "what the rest of the model says already"
(multiplicative empirical Bayes, fitted by backfitting).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample import Feature, Floats, Sample, sum_by
from rtb_optimizer.core.values import UNEXPANDED

BACKFIT_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Factor:
    """The factors of one feature: arrays of one length V, aligned with the feature's values."""

    theta: Floats
    outcome: Floats
    expected: Floats
    prior: float


@dataclass(frozen=True, slots=True)
class FactorModel:
    """`base` is outcomes per exposure; `factors` keep the order of selection."""

    base: float
    factors: Mapping[str, Factor]

    def rates(self, sample: Sample) -> Floats:
        """Return expected outcomes per exposure of each sampled row (n floats)."""
        rate = np.full(len(sample.exposure), self.base)
        for name, factor in self.factors.items():
            rate *= factor.theta[sample.features[name].codes]
        return rate


def fit(sample: Sample, priors: Mapping[str, float], rounds: int = BACKFIT_ROUNDS) -> FactorModel:
    """Fit the factors of the features in `priors` (their m), in that order, then backfit them `rounds` times."""
    base = sample.outcome.sum() / sample.exposure.sum()
    factors: dict[str, Factor] = {}
    expected = sample.exposure * base
    for _ in range(rounds + 1):
        for name, prior in priors.items():
            feature = sample.features[name]
            if name in factors:
                expected /= factors[name].theta[feature.codes]
            factors[name] = fit_factor(feature, sample.outcome, expected, prior)
            expected *= factors[name].theta[feature.codes]
        level = sample.outcome.sum() / expected.sum() if base > 0 else 1.0
        base, expected = base * level, expected * level
    return FactorModel(float(base), factors)


def fit_factor(feature: Feature, outcome: Floats, expected: Floats, prior: float) -> Factor:
    """Fit one feature's factors; an unexpanded macro is no value and keeps factor 1."""
    size = len(feature.values)
    k = sum_by(feature.codes, outcome, size)
    e = sum_by(feature.codes, expected, size)
    total = e.sum()
    e = e * (k.sum() / total) if total > 0 else e
    theta = (k + prior) / (e + prior)
    theta[[value == UNEXPANDED for value in feature.values]] = 1.0
    return Factor(theta, k, e, prior)


def log_likelihood_gain(sample: Sample, rates: Floats) -> float:
    """Return the Poisson log-likelihood of `rates` over a constant at the sample's own rate, as a share of baseline.

    The level of `rates` is taken out first: a day that is better as a whole says nothing about segments. The unit
    is that of `signal_score`.
    """
    mean = (rates * sample.exposure).sum() / sample.exposure.sum()
    if mean <= 0 or sample.outcome.sum() <= 0:
        return 0.0
    return float((sample.outcome * np.log(rates / mean)).sum()) / baseline_deviance(sample)


def baseline_deviance(sample: Sample) -> float:
    """Return the deviance of a constant rate, in nats per sample: K (1 + ln(N / K)), K outcomes in N exposures.

    It is the Poisson negative log-likelihood at the mean rate and, for rare outcomes, N times their entropy.
    """
    k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
    return k * (1.0 + np.log(n / k)) if k > 0 else 0.0
