"""Compares the realized outcomes of a table's bids with the predicted ones: by deciles of its rates, and by value.

A table may be right in total while one value earns what all others lose: that is a reason to look, not to bid on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Sample, sum_by

DECILES = 10
MIN_PREDICTED = 30.0
OFF_Z, OFF_RATIO = 4.0, 1.25
"""A value is off whose outcomes differ from what was predicted by so many standard errors, and by so large a factor."""


@dataclass(frozen=True, slots=True)
class Group:
    """A value of a feature: its predicted and realized outcomes, and their difference in standard errors."""

    feature: str
    value: str
    predicted: float
    realized: float
    z: float

    @property
    def ratio(self) -> float:
        """Realized over predicted."""
        return self.realized / self.predicted


def deciles(sample: Sample, predicted: Floats) -> tuple[Mapping[str, float], ...]:
    """Return predicted and realized outcomes by deciles of the exposures, from the lowest predicted rate on.

    Args:
        sample: The rows.
        predicted: The outcomes of each row that the table of its time predicted (n floats).
    """
    rate = predicted / np.maximum(sample.exposure, 1e-300)
    order = np.argsort(rate, kind="stable")
    reached = np.cumsum(sample.exposure[order])
    part = np.minimum((reached / reached[-1] * DECILES - 1e-9).astype(int), DECILES - 1)
    sums = (np.bincount(part, w[order], DECILES) for w in (sample.exposure, predicted, sample.outcome))
    rows = zip(*(column.tolist() for column in sums), strict=True)
    return tuple({"decile": n + 1, "exposure": x, "expected": e, "outcome": k} for n, (x, e, k) in enumerate(rows))


def groups_off(sample: Sample, predicted: Floats, features: Iterable[str]) -> list[Group]:
    """Return the values whose outcomes are off, relative to all of the window, the worst first.

    A level that is off for all values alike is not reported: it moves all bids alike.

    Args:
        sample: The rows.
        predicted: The outcomes of each row that the table of its time predicted (n floats).
        features: Whose values are compared.
    """
    total = float(predicted.sum())
    level = float(sample.outcome.sum()) / total if total > 0 else 0.0
    if level <= 0:
        return []
    found = []
    for name in features:
        feature, size = sample.features[name], len(sample.features[name].values)
        expected = sum_by(feature.codes, predicted, size) * level
        realized = sample.outcomes_by(feature.codes, size)
        squares = sum_by(feature.codes, np.maximum(sample.outcome, sample.outcome**2), size)
        for code in np.flatnonzero(expected >= MIN_PREDICTED).tolist():
            spread = sqrt(max(float(squares[code]), float(expected[code])))
            z = float(realized[code] - expected[code]) / spread
            group = Group(name, str(feature.values[code]), float(expected[code]), float(realized[code]), z)
            if abs(z) >= OFF_Z and not 1 / OFF_RATIO <= group.ratio <= OFF_RATIO:
                found.append(group)
    return sorted(found, key=lambda group: -abs(group.z))
