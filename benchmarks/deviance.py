"""Scores predicted rates on a holdout: log-likelihood gained over a constant, level, and calibration by decile.

The same metrics for the optimizer and its peers. A row has `outcomes` in `exposure` trials: a count (binomial), or
money (quasi-Poisson). No model can predict a level that drifts from day to day, so each figure is also reported with
the intercept recalibrated: one shift of the log odds (of the log rate for money), the same for all rows, fits the mean.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINOMIAL, MONEY = "binomial", "money"
DECILES = 10
FEW_OUTCOMES = 20
"""A decile with fewer outcomes than this says little: its relative error is mostly chance."""
DRAWS, DRAW_SEED = 10_000, 20_260_101
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Holdout:
    """The rows that rates are scored on; `kind` is whether outcomes are counts or money."""

    outcomes: Floats
    exposure: Floats
    kind: str = BINOMIAL

    @property
    def rate(self) -> float:
        """The outcomes per exposure."""
        return float(self.outcomes.sum() / self.exposure.sum())


def metrics_of(holdout: Holdout, rates: Floats, training_rate: float) -> dict[str, Any]:
    """Return all metrics of predicted rates, one rate for each row.

    `gain` is in nats of all rows, `explained` its share of the constant's deviance. The constant is the training
    rate; with the intercept recalibrated it is the holdout's own.
    """
    shifted = recalibrated(holdout, rates)
    constant, own = (np.full(len(rates), rate) for rate in (training_rate, holdout.rate))
    metrics = {"base_loss": log_loss(holdout, constant), "log_loss": log_loss(holdout, rates)}
    for name, model, base in (("", rates, constant), ("_unlevelled", shifted, own)):
        gain = log_likelihood(holdout, model) - log_likelihood(holdout, base)
        metrics |= {f"gain{name}": gain, f"explained{name}": gain / (deviance(holdout, base) / 2)}
    return metrics | {"level": level(holdout, rates), "calibration": calibration(holdout, shifted)}


def log_likelihood(holdout: Holdout, rates: Floats) -> float:
    """Return the log-likelihood of rates, up to what does not depend on them."""
    y, n = holdout.outcomes, holdout.exposure
    if holdout.kind == MONEY:
        r = np.maximum(rates, TINY)
        return float((y * np.log(r) - n * r).sum())
    p = np.clip(rates, TINY, 1 - TINY)
    return float((y * np.log(p) + (n - y) * np.log1p(-p)).sum())


def log_loss(holdout: Holdout, rates: Floats) -> float:
    """Return the mean loss of an exposure; for money, half the deviance, as a log-loss would depend on the unit."""
    loss = deviance(holdout, rates) / 2 if holdout.kind == MONEY else -log_likelihood(holdout, rates)
    return loss / float(holdout.exposure.sum())


def deviance(holdout: Holdout, rates: Floats) -> float:
    """Return twice the likelihood that rates lack against a model with a rate of its own for each row."""
    return 2 * (_saturated(holdout) - log_likelihood(holdout, rates))


def _saturated(holdout: Holdout) -> float:
    y, n = holdout.outcomes, holdout.exposure
    hit = y[y > 0] @ np.log(y[y > 0] / n[y > 0])
    if holdout.kind == MONEY:
        return float(hit - y.sum())
    missed = (n - y)[y < n]
    return float(hit + missed @ np.log(missed / n[y < n]))


def level(holdout: Holdout, rates: Floats) -> float:
    """Return predicted over observed outcomes."""
    return float(rates @ holdout.exposure / holdout.outcomes.sum())


def recalibrated(holdout: Holdout, rates: Floats) -> Floats:
    """Return the rates shifted as one so that they predict as many outcomes as were observed."""
    if holdout.kind == MONEY:
        return rates / level(holdout, rates)
    p = np.clip(rates, TINY, 1 - TINY)
    odds, low, high = np.log(p / (1 - p)), -40.0, 40.0
    for _ in range(80):  # halving: the predicted sum only grows with the shift, and 80 halvings exhaust a float
        middle = (low + high) / 2
        short = _sigmoid(odds + middle) @ holdout.exposure < holdout.outcomes.sum()
        low, high = (middle, high) if short else (low, middle)
    return _sigmoid(odds + (low + high) / 2)


def calibration(holdout: Holdout, rates: Floats) -> dict[str, Any]:
    """Return the relative error of each decile of exposure, sorted by rate: predicted over observed, less one.

    An edge parts a row, or rows of one rate, by their exposure, so that their order in the logs does not matter.
    Outcomes of money are counted as rows that earned any. `worst` is of the deciles with enough outcomes.
    """
    _, group = np.unique(rates, return_inverse=True)
    exposure, observed, predicted, events = (
        np.concatenate([[0.0], np.cumsum(np.bincount(group, of))])
        for of in (holdout.exposure, holdout.outcomes, holdout.exposure * rates, _events(holdout))
    )
    edges = np.linspace(0, exposure[-1], DECILES + 1)
    observed, predicted, events = (np.diff(np.interp(edges, exposure, of)) for of in (observed, predicted, events))
    errors = np.divide(predicted, observed, out=np.full(DECILES, np.inf), where=observed > 0) - 1
    enough = events >= FEW_OUTCOMES
    worst = float(np.abs(errors[enough]).max()) if enough.any() else None
    deciles = [
        {"observed": o, "predicted": p, "error": e if np.isfinite(e) else None, "few": not known}
        for o, p, e, known in zip(observed.tolist(), predicted.tolist(), errors.tolist(), enough.tolist(), strict=True)
    ]
    by_chance = worst_by_chance(predicted) if holdout.kind == BINOMIAL else None
    return {"worst": worst, "worst_by_chance": by_chance, "few": int((~enough).sum()), "deciles": deciles}


def worst_by_chance(predicted: Floats) -> float | None:
    """Return the median error of the worst decile over all draws, if the rates were exactly right.

    Rare outcomes of a decile are a Poisson draw around the prediction; frequent ones vary less than that.
    """
    observed = np.random.default_rng(DRAW_SEED).poisson(predicted, (DRAWS, len(predicted)))
    errors = np.abs(predicted / np.maximum(observed, 1) - 1)
    worst = np.where(observed >= FEW_OUTCOMES, errors, 0.0).max(axis=1)
    return float(np.median(worst)) if worst.any() else None


def _events(holdout: Holdout) -> Floats:
    return (holdout.outcomes > 0).astype(float) if holdout.kind == MONEY else holdout.outcomes


def _sigmoid(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))
