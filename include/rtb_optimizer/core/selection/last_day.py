"""Warns of features whose values on the last day of the window are not those of the days before.

Bidders meet the values of the days to come, and the last day is the nearest to these. A column that was renamed, or
that is filled with a default from a release on, takes its rows out of the table, or puts all of them into one row. The
days before say how far a day is from the others as a rule: a column of weekdays has another value each day.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.sample import Floats, Sample, sum_by

MIN_SHARE, TIMES = 0.3, 2.0
"""The last day is another where so much of its exposures would have to change their value, and that is so many times
what the day before it that is farthest from the others would need."""
MIN_DAYS = 3
ONE_VALUE = 0.999
"""Share of a day's exposures from which on it has one value."""


def last_day_warnings(sample: Sample, features: Sequence[str], days: NDArray[np.datetime64]) -> list[RunWarning]:
    """Warn of features whose values have changed on the last of three days or more.

    Args:
        sample: The rows (n).
        features: The features that are looked at.
        days: The day of each row (n days).
    """
    distinct, day = numbered_days(days)
    if len(distinct) < MIN_DAYS:
        return []
    return [
        _warning(name, sample, day, str(distinct[-1]), float(moved[-1]))
        for name in features
        for exposure in [_shares(sample, name, day, len(distinct))]
        for moved in [_moved(exposure)]
        if not _is_calendar(exposure) and moved[-1] >= max(MIN_SHARE, TIMES * float(moved[:-1].max()))
    ]


def _shares(sample: Sample, name: str, day: NDArray[np.intp], size: int) -> Floats:
    """Return the exposures of each day by value (D x V)."""
    feature = sample.features[name]
    cells = day * len(feature.values) + feature.codes
    return sum_by(cells, sample.exposure, size * len(feature.values)).reshape(size, -1)


def _is_calendar(exposure: Floats) -> bool:
    return bool((exposure.max(axis=1) >= ONE_VALUE * exposure.sum(axis=1)).all())


def _moved(exposure: Floats) -> Floats:
    """Return the total variation of each day but the last from the others but the last, and of the last from these."""
    before = exposure[:-1]
    others = np.vstack([before.sum(axis=0) - before, before.sum(axis=0)])
    with np.errstate(divide="ignore", invalid="ignore"):
        own, theirs = (each / each.sum(axis=1, keepdims=True) for each in (exposure, others))
    moved: Floats = np.nan_to_num(np.abs(own - theirs).sum(axis=1) / 2)
    return moved


def _warning(name: str, sample: Sample, day: NDArray[np.intp], last: str, moved: float) -> RunWarning:
    exposure, values = _shares(sample, name, day, int(day.max()) + 1), sample.features[name].values
    now, then = exposure[-1] / exposure[-1].sum(), exposure[:-1].sum(axis=0) / exposure[:-1].sum()
    most = int(np.argmax(now - then))
    return RunWarning(
        "last_day_other_values",
        f"{name} has other values on the last day, {last}, in {moved:.0%} of its exposures: {name}={values[most]} in "
        f"{now[most]:.0%}, in {then[most]:.0%} before; the table is learned from what was before: look into what fills "
        "the column, and leave it out by denied_features if it stays so",
        share=moved,
    )
