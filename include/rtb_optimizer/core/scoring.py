"""How much signal does a candidate add to a model? Its cross-fitted out-of-fold deviance gain.

For each fold the factors come from the other folds and are judged on this one:
G(m) = sum over folds j and values v of k_vj ln(theta_v) - E_vj (theta_v - 1),
theta_v = (k_v - k_vj + m) / (E_v - E_vj + m).
A value that memorises its own rows gains nothing, so a user id scores about 0, where plug-in mutual information
would rank it first. The prior m is the best of a grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample import Feature, Floats, Ints, sum_by

PRIORS: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


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
    feature: Feature, outcome: Floats, expected: Floats, fold: Ints, priors: Sequence[float] = PRIORS
) -> Gain:
    """Score one feature (n codes) on top of `expected` outcomes (n floats), with `fold` (n integers) as blocks."""
    _, block = np.unique(fold, return_inverse=True)
    shape = len(feature.values), int(block.max(initial=0)) + 1
    cell = feature.codes * shape[1] + block
    k = sum_by(cell, outcome, shape[0] * shape[1]).reshape(shape)
    e = sum_by(cell, expected, shape[0] * shape[1]).reshape(shape)
    seen = e.sum(axis=1) > 0
    return max((_gain(k[seen], e[seen], prior) for prior in priors), key=lambda gain: gain.nats)


def _gain(k: Floats, e: Floats, prior: float) -> Gain:
    k_out = k.sum(axis=1, keepdims=True) - k
    e_out = e.sum(axis=1, keepdims=True) - e
    level = k_out.sum(axis=0) / np.maximum(e_out.sum(axis=0), 1e-300)  # each complement calibrated by itself
    theta = (k_out + prior) / (e_out * level + prior)
    # The mean factor is taken out of the judged fold too: a gain is about telling values apart, not about the day.
    theta /= np.maximum((e * theta).sum(axis=0) / np.maximum(e.sum(axis=0), 1e-300), 1e-300)
    logs = np.log(theta)
    return Gain(float((k * logs).sum()), float(np.sqrt((k * logs**2).sum())), prior)
