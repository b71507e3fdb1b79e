"""Ranks the columns of a sample with known tools: mutual information, mRMR and LightGBM's gain; reports CPU seconds.

PYTHONPATH=include:.venv/bench .venv/bin/python benchmarks/rankers.py lightgbm sample.npz

A process for each, as the seconds are of all its threads; the clock starts when everything is imported. mutual_info
and mrmr take no weights, so they rank the case-control sample as it is; LightGBM weighs its rows.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from encoded import Codes, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ranker = Callable[[Codes, Floats, Floats], list[str]]
GAIN = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "cat_smooth": 30.0,
    "cat_l2": 100.0,
    "min_sum_hessian_in_leaf": 10.0,
    "min_data_in_leaf": 1,
    "verbose": -1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": min(os.cpu_count() or 1, 8),
}
MOST_ROUNDS, PATIENCE, FOLDS = 300, 20, 5


def mutual_information(codes: Codes, outcome: Floats, weight: Floats) -> list[str]:
    """Rank by scikit-learn's mutual information of each column alone with the outcome."""
    from sklearn.feature_selection import mutual_info_classif

    del weight
    scores = mutual_info_classif(np.stack(list(codes.values()), axis=1), outcome, discrete_features=True)
    return _ordered(codes, scores)


def mrmr(codes: Codes, outcome: Floats, weight: Floats) -> list[str]:
    """Rank by mRMR of leave-one-out encoded columns: F statistic over mean correlation, the defaults of its package.

    What it drops for having no relevance comes last.
    """
    import pandas as pd
    from mrmr import mrmr_classif

    del weight
    frame, target = pd.DataFrame(codes), pd.Series(outcome.astype(int))
    # One job: workers would outlive the call, and their seconds would not be counted.
    order = mrmr_classif(frame, target, len(codes), cat_features=list(codes), n_jobs=1, show_progress=False)
    return [*order, *(name for name in codes if name not in set(order))]


def lightgbm_gain(codes: Codes, outcome: Floats, weight: Floats) -> list[str]:
    """Rank by the gain of all splits on a column; a fifth of the rows is held out for early stopping."""
    import lightgbm

    columns: NDArray[np.float32] = np.stack([column.astype(np.float32) for column in codes.values()], axis=1)
    held = np.random.default_rng(1).integers(0, FOLDS, len(outcome)) == 0
    categories: Any = list(range(len(codes)))
    training = lightgbm.Dataset(
        columns[~held], outcome[~held], weight=weight[~held], categorical_feature=categories, params=GAIN
    )
    stop = training.create_valid(columns[held], outcome[held], weight=weight[held], params=GAIN)
    callbacks: list[Any] = [lightgbm.early_stopping(PATIENCE, verbose=False)]
    model = lightgbm.train(GAIN, training, MOST_ROUNDS, [stop], callbacks=callbacks)
    return _ordered(codes, model.feature_importance("gain", iteration=model.best_iteration))


def _ordered(codes: Codes, scores: Floats) -> list[str]:
    names = list(codes)
    return [names[n] for n in np.argsort(-np.asarray(scores), kind="stable")]


RANKERS: dict[str, tuple[Ranker, tuple[str, ...]]] = {
    "mutual_info": (mutual_information, ("sklearn.feature_selection",)),
    "mrmr": (mrmr, ("pandas", "mrmr")),
    "lightgbm": (lightgbm_gain, ("lightgbm",)),
}
"""Each with what it imports before the clock starts."""


def save(path: Path, codes: Codes, outcome: Floats, weight: Floats) -> None:
    """Write a sample for the rankers' processes."""
    columns = {f"codes/{name}": column for name, column in codes.items()}
    np.savez(path, outcome=outcome, weight=weight, **columns)


def ranked(name: str, path: Path) -> dict[str, Any]:
    """Rank a saved sample in a fresh process; return its CPU seconds and the order."""
    command = [sys.executable, __file__, name, str(path)]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own script
    return dict(json.loads(finished.stdout))


def main() -> None:
    """Rank one sample in one way and print the seconds and the order, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RANKERS)
    parser.add_argument("sample", type=Path)
    arguments = parser.parse_args()
    ranker, imports = RANKERS[arguments.name]
    for module in imports:
        importlib.import_module(module)
    with np.load(arguments.sample) as file:
        codes = {name.removeprefix("codes/"): file[name] for name in file.files if name.startswith("codes/")}
        outcome, weight = file["outcome"].astype(float), file["weight"].astype(float)
    before = _cpu_seconds()
    order = ranker(codes, outcome, weight)
    print(json.dumps({"cpu": _cpu_seconds() - before, "order": order}))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
