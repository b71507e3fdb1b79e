"""How much signal does a candidate add to a model? Its cross-fitted out-of-fold deviance gain.

For each fold the factors come from the other folds and are judged on this one:
G(m) = sum over folds j and values v of k_vj ln(theta_v) - E_vj (theta_v - 1),
theta_v = (k_v - k_vj + m) / (E_v - E_vj + m).
A value that memorises its own rows gains nothing, so a user id scores about 0, where plug-in mutual information
would rank it first. The prior m is the best of a grid. On the odds scale the second term is n_vj ln(1 + p_vj (theta_v
- 1)) with p = E / n, which takes the rows of a cell as alike and so never gains too much (Jensen).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.model.link import Link, rate_ratio
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by

PRIORS: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
COARSE = 3
"""Every third prior is tried first, then the neighbours of the best: the gain has one peak."""
TINY = 1e-300
MOST_USED = 0.5
"""Cells that no row falls into gain nothing; leaving them out pays where they are many."""


@dataclass(frozen=True, slots=True)
class Gain:
    """`nats` of held-out log-likelihood gained in total, its standard error, and the prior that gained most."""

    nats: float
    standard_error: float
    prior: float

    @property
    def z(self) -> float:
        """The gain in standard errors."""
        return self.nats / self.standard_error if self.standard_error > 0 else 0.0


def cross_fitted_gain(
    feature: Feature, sample: Sample, expected: Floats, link: Link = Link.LOG, priors: Sequence[float] = PRIORS
) -> Gain:
    """Score one feature (n codes) on top of `expected` outcomes (n floats); the sample is sorted by fold."""
    return _best_prior(Cells.of(feature, sample, expected, link), priors)


@dataclass(frozen=True, slots=True)
class Cells:
    """Outcomes k, expected e and exposures n by value and fold (V x F); the rest follows from them for all priors.

    Logarithms are needed only where outcomes are: of a column with many values that is a small part of its cells.
    """

    e: Floats
    e_fold: Floats
    k_out: Floats
    e_out: Floats
    seen: Ints
    seen_fold: Ints
    k_seen: Floats
    n: Floats | None

    @classmethod
    def of(cls, feature: Feature, sample: Sample, expected: Floats, link: Link) -> "Cells":
        """Count the cells of a feature."""
        size, blocks = len(feature.values), sample.blocks
        k = sample.outcomes_by_block(feature.codes, size)
        e, n = np.empty_like(k), np.empty_like(k) if link is Link.ODDS else None
        for j, block in enumerate(blocks):
            codes = feature.codes[block]
            e[j] = sum_by(codes, expected[block], size)
            if n is not None:
                n[j] = sum_by(codes, sample.exposure[block], size)
        used = e.sum(axis=0) > 0
        if used.sum() < MOST_USED * size:
            k, e, n = k[:, used], e[:, used], n[:, used] if n is not None else None
        seen = np.flatnonzero(k)
        fold, k_seen = seen // max(k.shape[1], 1), k.take(seen)
        k_fold, e_fold = k.sum(axis=1), e.sum(axis=1)
        # each complement calibrated by itself
        level = (k_fold.sum() - k_fold) / np.maximum(e_fold.sum() - e_fold, TINY)
        k_out, e_out = np.subtract(k.sum(axis=0), k, out=k), e.sum(axis=0) - e
        e_out *= level[:, None]
        return cls(e, np.maximum(e_fold, TINY), k_out, e_out, seen, fold, k_seen, n)

    def gain(self, prior: float) -> Gain:
        """Return the gain with this prior."""
        theta = self.k_out + prior
        theta /= self.e_out + prior
        # The mean factor is taken out of the judged fold too: a gain is about telling values apart, not about the day.
        share = self.e / np.maximum(self.n, TINY) if self.n is not None else None
        moved = np.einsum("fv,fv->f", self.e, theta if share is None else rate_ratio(theta, share, Link.ODDS))
        mean = np.maximum(moved / self.e_fold, TINY)
        logs = np.log(theta.take(self.seen) / mean.take(self.seen_fold))
        nats = float((self.k_seen * logs).sum())
        if self.n is not None and share is not None:
            nats -= float((self.n * np.log1p(share * (theta / mean[:, None] - 1))).sum())
        return Gain(nats, float(np.sqrt((self.k_seen * logs**2).sum())), prior)


def _best_prior(cells: Cells, priors: Sequence[float]) -> Gain:
    tried = {at: cells.gain(priors[at]) for at in {*range(0, len(priors), COARSE), len(priors) - 1}}
    while True:
        best = max(sorted(tried), key=lambda at: tried[at].nats)
        near = [at for at in (best - 1, best + 1) if 0 <= at < len(priors) and at not in tried]
        if not near:
            return tried[best]
        tried |= {at: cells.gain(priors[at]) for at in near}
