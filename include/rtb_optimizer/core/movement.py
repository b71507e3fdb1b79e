"""Which rows may not fall silent yet? Those of the active run whose multiplier is more than a step from 1.

A row that is not worth its place any more would leave its bids at 1 from one night to the next. It stays until its
multiplier has come within one run's movement of 1.
"""

from collections.abc import Mapping

import numpy as np

from rtb_optimizer.core.crossing import parts_of
from rtb_optimizer.core.model import FactorModel
from rtb_optimizer.core.sample import Ints, Sample
from rtb_optimizer.core.values import segment_key
from rtb_optimizer.core.worth import SegmentRules, worth_a_row

Pattern = frozenset[tuple[str, str]]
"""The (feature, value) pairs that a row gives: the same in tables whose features stand in another order."""


def rows_of(
    model: FactorModel, sample: Sample, rules: SegmentRules, previous: Mapping[Pattern, float] | None
) -> dict[str, Ints]:
    """Return, by factor, the codes that get a row: those worth one, and those that are still on their way to 1."""
    moving = still_moving(model, sample, previous or {}, rules.bids.max_movement)
    return worth_a_row(model, sample, rules, moving)


def still_moving(
    model: FactorModel, sample: Sample, previous: Mapping[Pattern, float], max_movement: float
) -> dict[str, Ints]:
    """Return, by factor, the codes whose previous multiplier is more than a factor of `max_movement` from 1.

    What the model has no factor for, or the logs no row of, cannot be moved by a row.
    """
    far = {pattern: m for pattern, m in previous.items() if not 1 / max_movement <= m <= max_movement}
    moving = {}
    for name in model.factors:
        feature = sample.features[name]
        parts = parts_of(name, feature)
        given = [dict(pattern) for pattern in far if {feature_name for feature_name, _ in pattern} == set(parts)]
        keys = {g[name] if len(parts) == 1 else segment_key(g[part] for part in parts) for g in given}
        codes = [code for code, value in enumerate(feature.values) if value in keys] if keys else []
        moving[name] = np.setdiff1d(np.array(codes, dtype=np.int64), feature.barred)
    return moving
