"""Computes the signal score of a candidate: its cross-fitted out-of-fold deviance gain.

For each fold the factors come from the other folds and are scored on this one:
G(m) = sum over folds j and values v of k_vj ln(theta_v) - E_vj (theta_v - 1),
theta_v = (k_v - k_vj + m) / (E_v - E_vj + m).
A value that memorises its own rows gains nothing, so a user id scores about 0, where plug-in mutual information
would rank it first. The prior m is the best of a grid.

On the logit scale theta is that ratio of outcomes over the same ratio of exposures without one, whose prior is m times
the odds against, as in core/model/fit.py: a ratio of rates is no factor of odds, and taken for one it loses a share p^2
of the gain at a base rate of p. The second term is n_vj ln(1 + p_vj (theta_v - 1)) with p = E / n, which treats the
rows of a cell as identical and so never overstates the gain (Jensen). The variance of an outcome is p (1 - p), not p,
times Pearson's dispersion of the rows (McCullagh and Nelder, 1989, 4.5): where rows without an outcome were thinned,
few heavy ones are as uncertain as the outcomes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_ratio, scale_to_totals
from rtb_optimizer.core.model.pooling import PooledFeature
from rtb_optimizer.core.model.priors import Prior, Sums, aligned, expected_with
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask, Sample, sum_by

PRIORS: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
COARSE = 3
"""Every third prior is tried first, then the neighbours of the best: the gain has one peak."""
TINY = 1e-300
LEAST_REST = 1e-9
"""Exposures without an outcome are at least as many: odds stay finite."""
MAX_USED_SHARE = 0.5
"""Empty cells gain nothing; where fewer than this share are used, they are left out."""


@dataclass(frozen=True, slots=True)
class Gain:
    """`nats` of held-out log-likelihood gained in total, its standard error, and the prior that gained most.

    `siblings` is how many other entities the factors shrink to what is known of; 0 where they shrink to 1.
    """

    nats: float
    standard_error: float
    prior: float
    siblings: int = 0

    @property
    def z(self) -> float:
        """The gain in standard errors."""
        return self.nats / self.standard_error if self.standard_error > 0 else 0.0

    @property
    def is_pooled(self) -> bool:
        """Whether the factors shrink to what other entities know."""
        return self.siblings > 0

    @property
    def odds(self) -> float:
        """The log odds that what all of n entities share holds for one more: n + 1 to 1 (Laplace, 1774)."""
        return log(self.siblings + 1)


def cross_fitted_gain(
    feature: Feature, sample: Sample, expected: Floats, link: Link = Link.LOG, priors: Sequence[float] = PRIORS
) -> Gain:
    """Score one feature (n codes) on top of `expected` outcomes (n floats); the sample is sorted by fold."""
    return _best_prior(Cells.of(feature, sample, expected, link), priors)


def pooled_gain(
    feature: Feature, sample: Sample, expected: Floats, pooled: PooledFeature, own: float, link: Link
) -> Gain:
    """Score one feature whose factors shrink to what other entities know; arguments as of `cross_fitted_gain`.

    What is known gains without any of the entity's outcomes; on top of it, what they add is cross-fitted. `own` is the
    prior of values that are not known.
    """
    size, rate = len(feature.values), float(sample.outcome.sum() / sample.exposure.sum())
    prior = Prior.of(pooled, own, feature, rate, link)
    sums = Sums(sample.outcomes_by(feature.codes, size), sum_by(feature.codes, sample.exposure, size))
    centre = aligned(prior.centre, sums, sum_by(feature.codes, expected, size), link)
    known, positive = expected_with(expected, sample.exposure, np.asarray(centre)[feature.codes], link), sample.positive
    logs = np.log(known[positive] / expected[positive])
    k = sample.outcome[positive]
    variance = k
    if link is Link.LOG:
        scale = float(expected.sum() / known.sum())
        known, nats = known * scale, float((k * (logs + np.log(scale))).sum())
    else:
        against = np.log((sample.exposure - known) / np.maximum(sample.exposure - expected, TINY))
        nats = float((k * logs).sum() + ((sample.exposure - sample.outcome) * against).sum())
        logs -= against[positive]
        variance = k * (1 - known[positive] / sample.exposure[positive]) * _dispersion(sample, known)
    beyond = Cells.of(feature, sample, known, link).gain(prior.strength)
    error = float(np.sqrt((variance * logs**2).sum() + beyond.standard_error**2))
    return Gain(nats + beyond.nats, error, own, pooled.siblings)


@dataclass(frozen=True, slots=True)
class Cells:
    """Outcomes k, expected e and exposures n by value and fold (V x F); all priors are scored from these sums.

    Logarithms are computed only where outcomes are: a small part of the cells of a column with many values. `n` and
    what follows from it are of the logit scale alone: `odds` that are expected, exposures without an outcome in the
    other folds (`rest_out`; `rest_expected` expected), and the odds against an outcome.
    """

    e: Floats
    e_fold: Floats
    k_out: Floats
    e_out: Floats
    positive: Ints
    positive_fold: Ints
    k_positive: Floats
    used: Mask
    logit: "_LogitCells | None" = None

    @classmethod
    def of(cls, feature: Feature, sample: Sample, expected: Floats, link: Link) -> "Cells":
        """Count the cells of a feature."""
        size, blocks = len(feature.values), sample.blocks
        k = sample.outcomes_by_block(feature.codes, size)
        e, n = np.empty_like(k), np.empty_like(k) if link is Link.LOGIT else None
        for j, block in enumerate(blocks):
            codes = feature.codes[block]
            e[j] = sum_by(codes, expected[block], size)
            if n is not None:
                n[j] = sum_by(codes, sample.exposure[block], size)
        used = e.sum(axis=0) > 0
        if used.sum() >= MAX_USED_SHARE * size:
            used[:] = True
        else:
            k, e, n = k[:, used], e[:, used], n[:, used] if n is not None else None
        positive = np.flatnonzero(k)
        fold, k_positive = positive // max(k.shape[1], 1), k.take(positive)
        k_fold, e_fold = k.sum(axis=1), e.sum(axis=1)
        k_out, e_out = np.subtract(k.sum(axis=0), k, out=k), e.sum(axis=0) - e
        # each complement is calibrated separately
        logit = _LogitCells.of(n, e, k_out, e_out, _dispersion(sample, expected)) if n is not None else None
        if logit is None:
            e_out *= ((k_fold.sum() - k_fold) / np.maximum(e_fold.sum() - e_fold, TINY))[:, None]
        return cls(e, np.maximum(e_fold, TINY), k_out, e_out, positive, fold, k_positive, used, logit)

    def gain(self, prior: float | Floats) -> Gain:
        """Return the gain with this prior: one, or one by value."""
        factors = self._factors(prior)
        return Gain(self._nats(factors), self._standard_error(factors), float(np.max(prior, initial=0.0)))

    def nats(self, prior: float | Floats) -> float:
        """Return the log-likelihood gained with this prior, without its error."""
        return self._nats(self._factors(prior))

    def _factors(self, prior: float | Floats) -> Floats:
        """Return the factor of each fold and value, from the other folds (F x V).

        The mean factor is removed from the scored fold too: a gain measures discrimination, not the rate of the day.
        """
        if not isinstance(prior, float | int):
            prior = prior[self.used]
        theta = self.k_out + prior
        theta /= self.e_out + prior
        if self.logit is None:
            theta /= np.maximum(np.einsum("fv,fv->f", self.e, theta) / self.e_fold, TINY)[:, None]
        else:
            theta *= self.logit.ratio_against(prior)
            theta *= scale_to_totals(self.logit.odds * theta, self.logit.n, self.e_fold)[:, None]
        return theta

    def _nats(self, factors: Floats) -> float:
        gained = float((self.k_positive * np.log(factors.take(self.positive))).sum())
        if self.logit is None:
            return gained
        return gained - float((self.logit.n * np.log1p(self.logit.share * (factors - 1))).sum())

    def _standard_error(self, factors: Floats) -> float:
        """Return the larger of the errors by the outcomes that there are and by those that the factors expect.

        By the outcomes alone, a value without any would have no error: what it was expected to have is gained for sure.
        """
        seen, expected = self.k_positive, self.e * factors
        if self.logit is not None:
            after = rate_ratio(factors, self.logit.share, Link.LOGIT) * self.logit.share
            rest = np.maximum(1 - after, 0.0)
            seen, expected = seen * rest.take(self.positive), self.logit.n * after * rest
        level = sum_by(self.positive_fold, self.k_positive, len(self.e)) / self.e_fold
        squared = np.square(np.log(factors))
        by_outcomes = float((seen * squared.take(self.positive)).sum())
        by_factors = float((np.einsum("fv,fv->f", expected, squared) * level).sum())
        return float(np.sqrt(max(by_outcomes, by_factors) * (self.logit.dispersion if self.logit else 1.0)))


@dataclass(frozen=True, slots=True)
class _LogitCells:
    """Exposures n of cells, the share of them with an outcome that is expected, and its odds (F x V each).

    `rest_out` and `rest_expected` are the exposures without an outcome in the other folds, observed and expected;
    `odds_against` are those of all rows, `dispersion` is that of the rows over the binomial variance.
    """

    n: Floats
    share: Floats
    odds: Floats
    rest_out: Floats
    rest_expected: Floats
    odds_against: float
    dispersion: float

    @classmethod
    def of(cls, n: Floats, e: Floats, k_out: Floats, e_out: Floats, dispersion: float) -> "_LogitCells":
        """Return the cells of exposures and sums by fold and value; `e_out` is calibrated to the outcomes in place."""
        n_out = n.sum(axis=0) - n
        odds = _odds(e_out, n_out)
        odds *= scale_to_totals(odds, n_out, k_out.sum(axis=1))[:, None]
        np.divide(n_out * odds, 1 + odds, out=e_out)
        k, total = float(k_out.sum()) / max(len(n) - 1, 1), float(n.sum())
        against = max(total - k, 0.0) / k if k > 0 else 0.0
        share = e / np.maximum(n, TINY)
        return cls(n, share, _odds(e, n), np.maximum(n_out - k_out, 0.0), n_out - e_out, against, dispersion)

    def ratio_against(self, prior: float | Floats) -> Floats:
        """Return expected over observed exposures without an outcome, shrunk by the prior."""
        rest = prior * self.odds_against
        ratio: Floats = np.maximum(self.rest_expected + rest, LEAST_REST) / np.maximum(self.rest_out + rest, LEAST_REST)
        return ratio


def _odds(expected: Floats, exposure: Floats) -> Floats:
    odds: Floats = expected / np.maximum(exposure - expected, LEAST_REST)
    return odds


def _dispersion(sample: Sample, expected: Floats) -> float:
    """Return the squared residuals of the rows over their binomial variances, at least 1."""
    k, of_positive = sample.outcome[sample.positive], expected[sample.positive]
    squares = float((expected**2).sum()) + float((k * (k - 2 * of_positive)).sum())
    variance = float(expected.sum() - (expected**2 / np.maximum(sample.exposure, TINY)).sum())
    return max(squares / variance, 1.0) if variance > LEAST_REST else 1.0


def _best_prior(cells: Cells, priors: Sequence[float]) -> Gain:
    nats = {at: cells.nats(priors[at]) for at in {*range(0, len(priors), COARSE), len(priors) - 1}}
    while True:
        best = max(sorted(nats), key=lambda at: nats[at])
        near = [at for at in (best - 1, best + 1) if 0 <= at < len(priors) and at not in nats]
        if not near:
            return cells.gain(priors[best])
        nats |= {at: cells.nats(priors[at]) for at in near}
