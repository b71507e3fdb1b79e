"""Predictions of boosted trees: LightGBM, on its own categories or on target encodings.

Each has a stated space of settings, of which the search draws some; early stopping finds the number of rounds.
"""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from deviance import MONEY
from encoded import Rows, labelled, target_encodings
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Setting = dict[str, Any]
MOST_ROUNDS, PATIENCE = 500, 25
TREES = {
    "learning_rate": (0.05, 0.1),
    "num_leaves": (7, 15, 31, 63),
    "min_sum_hessian_in_leaf": (3.0, 10.0, 30.0, 100.0),
    "lambda_l2": (1.0, 10.0, 100.0),
    "feature_fraction": (0.5, 0.8, 1.0),
}
SPACES: dict[str, dict[str, tuple[Any, ...]]] = {
    "categories": TREES | {"cat_smooth": (10.0, 30.0, 100.0), "cat_l2": (30.0, 100.0, 300.0)},
    "encodings": TREES | {"strength": (1.0, 3.0, 10.0, 30.0, 300.0)},
}
OBJECTIVES = ("poisson", "tweedie")
FIXED: Setting = {
    "verbose": -1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,  # else the bins would depend on the first setting tried
    "min_data_in_leaf": 1,  # evidence is in the weights, not in the number of rows
    "num_threads": min(os.cpu_count() or 1, 8),
}


@dataclass(slots=True)
class Boosted:
    """LightGBM on `categories` or `encodings`, prepared to be fitted on some rows and to predict others."""

    features: str
    kind: str
    fitted: Rows
    to_predict: Rows
    _made: dict[float, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def settings(cls, features: str, kind: str, draws: int) -> list[Setting]:
        """Draw settings from the space, always the same."""
        draw = np.random.default_rng(1)
        space = SPACES[features] | ({"objective": OBJECTIVES} if kind == MONEY else {})
        return [{name: of[draw.integers(len(of))] for name, of in space.items()} for _ in range(draws)]

    def search(self, setting: Setting) -> tuple[Floats, Setting]:
        """Fit until the predicted rows fit no better; return their rates, and the setting with its rounds."""
        import lightgbm

        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        model = self._trained(setting, MOST_ROUNDS, [stop])
        rounds = max(model.best_iteration, 1)
        return self._rates(model, setting, rounds), setting | {"rounds": rounds}

    def fit(self, setting: Setting) -> Floats:
        """Fit for the setting's rounds; return the rates of the predicted rows."""
        return self._rates(self._trained(setting, setting["rounds"], []), setting, setting["rounds"])

    def _trained(self, setting: Setting, rounds: int, callbacks: list[Any]) -> "lightgbm.Booster":
        import lightgbm

        objective = {"objective": "binary", "metric": "binary_logloss"}
        if self.kind == MONEY:
            objective = {"metric": "poisson"}  # whatever the objective: rounds end by the deviance that is reported
            if setting["objective"] == "tweedie":
                objective["tweedie_variance_power"] = "1.3"
        parameters = {name: value for name, value in setting.items() if name not in {"strength", "rounds"}}
        training, validation, _ = self._data(setting)
        valid = [validation] if callbacks else []
        return lightgbm.train(FIXED | objective | parameters, training, rounds, valid, callbacks=callbacks)

    def _rates(self, model: "lightgbm.Booster", setting: Setting, rounds: int) -> Floats:
        rates = np.asarray(model.predict(self._data(setting)[2], num_iteration=rounds))
        return rates * self.fitted.rate if self.kind == MONEY else rates

    def _data(self, setting: Setting) -> tuple[Any, ...]:
        """Return the rows to fit on, those to stop by, and the features to predict; made once for each encoding."""
        strength = setting.get("strength", 0.0)
        if strength not in self._made:
            self._made = {strength: self._prepared(strength)}  # one at a time, for memory
        return self._made[strength]

    def _prepared(self, strength: float) -> tuple[Any, ...]:
        import lightgbm

        if self.features == "categories":
            ours, theirs = self.fitted.matrix(), self.to_predict.matrix()
            categories: Any = list(range(ours.shape[1]))
        else:
            ours = target_encodings(self.fitted, None, strength, self.kind)
            theirs = target_encodings(self.fitted, self.to_predict, strength, self.kind)
            categories = []
        fit, stop = (labelled(rows, self.kind, self.fitted.rate) for rows in (self.fitted, self.to_predict))
        training = lightgbm.Dataset(
            ours[fit.row],
            fit.label,
            weight=fit.weight,
            categorical_feature=categories,
            params=FIXED,
            free_raw_data=False,  # LightGBM wants it again for each setting
        )
        return training, training.create_valid(theirs[stop.row], stop.label, weight=stop.weight, params=FIXED), theirs
