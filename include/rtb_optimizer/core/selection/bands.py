"""Cuts a column of numbers into bands, to know what it would say if the logs had it so.

Factors are by value: a price of its own in each row has none, and neither do neighbours share what they know.
"""

from math import isfinite, nan

import numpy as np

from rtb_optimizer.core.sample.sample import Feature, Floats, sum_by
from rtb_optimizer.core.sample.values import MISSING

BANDS = 16
MIN_NUMBERS = 64
"""Fewer distinct numbers than this are categories."""
NUMBER_SHARE = 0.95
"""Of the exposures with a value, this share holds a number in a column of numbers."""
TRIED_FIRST = 100


def in_bands(feature: Feature, exposure: Floats) -> Feature | None:
    """Return a column of numbers in bands of about equal exposure; None where it is none, or has few numbers.

    What is no number, or missing, is a band of its own.

    Args:
        feature: The column, of n rows and V values.
        exposure: The exposure of each row (n floats).
    """
    first = [_number(value) for value in feature.values[:TRIED_FIRST]]
    if len(feature.values) < MIN_NUMBERS or not np.isfinite(first).mean() > NUMBER_SHARE / 2:
        return None
    number = np.array([*first, *map(_number, feature.values[TRIED_FIRST:])])
    weight = sum_by(feature.codes, exposure, len(number))
    is_number = np.isfinite(number) & (weight > 0)
    missing = weight[feature.values.index(MISSING)] if MISSING in feature.values else 0.0
    numbers = float(weight[is_number].sum())
    if is_number.sum() < MIN_NUMBERS or numbers < NUMBER_SHARE * (weight.sum() - missing):
        return None
    ascending = np.flatnonzero(is_number)[np.argsort(number[is_number], kind="stable")]
    below = np.cumsum(weight[ascending]) - weight[ascending] / 2
    band = np.full(len(number), BANDS)
    band[ascending] = np.minimum((BANDS * below / numbers).astype(int), BANDS - 1)
    return Feature(band.take(feature.codes), tuple(str(n) for n in range(BANDS + 1)))


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return nan
    return number if isfinite(number) else nan
