"""Finds outcomes that stand in rows of their own: event rows that were never joined to their exposures.

Such a row has an outcome and next to no feature: a missing value predicts the outcome perfectly, and says nothing that
a bidder could know.
"""

from collections.abc import Sequence

import numpy as np

from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MISSING

USUALLY_FILLED = 0.9
"""A feature that has a value in this share of the exposures without an outcome is expected to have one."""
BARE_FROM = 0.5
"""A row that lacks this share of the features that are expected is bare."""
EVENTS_ONLY = 0.9
"""Bare rows are event rows where this share of their exposures has the outcome."""

MAX_UNJOINED = 0.05
"""A run is held where a larger share of its outcomes stands in event rows."""


def unjoined_share(sample: Sample, names: Sequence[str]) -> float:
    """Return the share of the outcomes that stand in event rows; 0 where there are none.

    Args:
        sample: The rows, with the candidates and anchors.
        names: The candidates and anchors.
    """
    missing = [_missing(sample, name) for name in names]
    without = sample.exposure * (sample.outcome <= 0)
    if not without.sum() > 0 or not sample.outcome.sum() > 0:
        return 0.0
    expected = [rows for rows in missing if (without * rows).sum() <= (1 - USUALLY_FILLED) * without.sum()]
    if not expected:
        return 0.0
    bare = np.mean(expected, axis=0) >= BARE_FROM
    exposed, outcomes = float((sample.exposure * bare).sum()), float((sample.outcome * bare).sum())
    is_events = exposed > 0 and float((sample.exposure * bare * (sample.outcome > 0)).sum()) >= EVENTS_ONLY * exposed
    return outcomes / float(sample.outcome.sum()) if is_events else 0.0


def _missing(sample: Sample, name: str) -> np.ndarray:
    feature = sample.features[name]
    if MISSING not in feature.values:
        return np.zeros(len(feature.codes), dtype=bool)
    return np.asarray(feature.codes == feature.values.index(MISSING))
