"""A sample with known answers: each feature is named after what is planted in it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by

ROWS = 20_000
FOLDS = 5
SITE_FACTORS = np.array([0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.6, 2.4])
DEVICE_FACTORS = np.array([0.6, 1.0, 1.5])


def feature(values: Sequence[object]) -> Feature:
    """Encode the values of each row."""
    distinct, codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    return Feature(codes.astype(np.int64), tuple(str(value) for value in distinct))


def sample_of(
    outcome: Sequence[float], fold: Sequence[int] | None = None, exposure: Sequence[float] | None = None, **values
) -> Sample:
    """Build a sample from a column per argument, sorted by fold; rows take turns at five, one exposure each."""
    n = len(outcome)
    exposed = np.ones(n) if exposure is None else np.asarray(exposure, dtype=float)
    folds: Ints = np.arange(n) % FOLDS if fold is None else np.asarray(fold)
    features = {name: feature(column) for name, column in values.items()}
    return Sample(exposed, np.asarray(outcome, dtype=float), exposed, folds, features).by_fold()


def planted(seed: int = 3, rows: int = ROWS, base: float = 0.06) -> Sample:
    """Return rows whose outcome follows `site` and `device`, and candidates that must not fool anyone."""
    draw = np.random.default_rng(seed)
    site, device = draw.integers(0, 8, rows), draw.integers(0, 3, rows)
    rate = np.clip(base * SITE_FACTORS[site] * DEVICE_FACTORS[device], 0, 1)
    outcome = (draw.random(rows) < rate).astype(float)
    leak = np.where(outcome > 0, draw.random(rows) < 0.9, draw.random(rows) < 0.01)
    return sample_of(
        outcome,
        fold=draw.integers(0, FOLDS, rows),
        site=[f"site{n}" for n in site],
        device=[f"device{n}" for n in device],
        site_copy=[f"copy{7 - n}" for n in site],
        noise=draw.integers(0, 10, rows),
        random_id=draw.integers(0, 5_000, rows),
        leak=leak,
    )


def reordered(sample: Sample, order: Ints) -> Sample:
    """Return the same rows in another order, or some of them more than once."""
    features = {name: replace(f, codes=f.codes[order]) for name, f in sample.features.items()}
    return Sample(sample.exposure[order], sample.outcome[order], sample.spend[order], sample.fold[order], features)


def plug_in_information(column: Feature, outcome: Floats) -> float:
    """Return the plug-in mutual information with a binary outcome, in nats: what the score is not."""
    size = len(column.values)
    rows, positive = sum_by(column.codes, np.ones(len(outcome)), size), sum_by(column.codes, outcome, size)
    cells, sums = np.array([positive, rows - positive]), np.array([outcome.sum(), (1 - outcome).sum()])
    independent = rows * sums[:, None] / len(outcome)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(cells > 0, cells * np.log(cells / independent), 0.0)
    return float(terms.sum() / len(outcome))
