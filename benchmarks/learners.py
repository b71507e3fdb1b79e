"""Predictions of general learners on a holdout: LightGBM twice and a regression, each tuned in the same way.

Each tries a few stated settings on all training days but the last, which validates them by log-likelihood; the best
is refitted on all training days and predicts the holdout. Seeds are fixed: the same rows get the same rates.
"""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from boosting import Boosted
from deviance import Holdout, log_likelihood
from encoded import Rows, parted
from numpy.typing import NDArray
from regressions import Regression

Floats = NDArray[np.float64]
Setting = dict[str, Any]
LEARNERS = {
    "lightgbm": ("lightgbm",),
    "lightgbm_encoded": ("lightgbm",),
    "regression": ("scipy.sparse", "sklearn.linear_model"),
}
"""Each with what it imports before the clock starts."""
DRAWS = 8
"""How many settings of LightGBM are tried; the regression has a grid."""


class Fitting(Protocol):
    """A learner with rows to fit on and rows to predict."""

    def search(self, setting: Setting) -> tuple[Floats, Setting]:
        """Fit; return the rates, and the setting with what was found on the way."""

    def fit(self, setting: Setting) -> Floats:
        """Fit with what was found; return the rates."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The rates predicted for the holdout, the setting chosen for them, and the CPU seconds of search and fit."""

    rates: Floats
    setting: Setting
    search_cpu: float
    fit_cpu: float


def predict(name: str, training: Rows, holdout: Rows, kind: str) -> Predictions:
    """Tune a learner on the training rows and predict the holdout, whose outcomes it does not see."""
    to_predict = Rows(holdout.codes, np.zeros(len(holdout.outcomes)), holdout.exposure, holdout.days)
    settings, fitting = learner(name, training, kind)
    for module in LEARNERS[name]:
        importlib.import_module(module)
    start = time.process_time()
    earlier, last = parted(training)
    search, validation = fitting(earlier, last), Holdout(last.outcomes, last.exposure, kind)
    tried = [search.search(setting) for setting in settings]
    _, chosen = max(tried, key=lambda result: log_likelihood(validation, result[0]))
    searched = time.process_time()
    rates = fitting(training, to_predict).fit(chosen)
    return Predictions(rates, chosen, searched - start, time.process_time() - searched)


def learner(name: str, training: Rows, kind: str) -> tuple[list[Setting], Callable[[Rows, Rows], Fitting]]:
    """Return the settings to try, and how to make the learner ready for some rows."""
    if name == "regression":
        grid = Regression.settings(kind, training)
        return grid, lambda fitted, to_predict: Regression(kind, fitted, to_predict.within(fitted))
    features = {"lightgbm": "categories", "lightgbm_encoded": "encodings"}[name]
    drawn = Boosted.settings(features, kind, DRAWS)
    return drawn, lambda fitted, to_predict: Boosted(features, kind, fitted, to_predict.within(fitted))
