"""Reads off published tables what their entities know of values, and pools it: what a new entity's factors shrink to.

The rows of a table hold its own outcomes and the expected ones. What its entity shrank to when it was made is in
neither, so that it never counts as evidence again.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import Known, PooledFeature, pool
from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.sample.values import NO_VALUES
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable

CONTINUITY = 0.5
"""Added to counts before logs are taken (Haldane, 1956): the log of none is finite, and nearly unbiased."""


def pool_tables(tables: Sequence[PublishedTable], link: Link) -> dict[str, PooledFeature]:
    """Return what some tables have in common, by feature; tables on another scale are left out."""
    known = [known_of(table) for table in tables if table.scale.link is link]
    names = sorted({name for each in known for name in each})
    pooled = {name: pool([each[name] for each in known if name in each]) for name in names}
    return {name: feature for name, feature in pooled.items() if feature is not None}


def known_of(table: PublishedTable) -> dict[str, Known]:
    """Return what a table's own outcomes say of the values of each feature."""
    by_feature: dict[str, dict[str, PublishedRow]] = {}
    for pattern, row in table.rows.items():
        if len(pattern) == 1:
            ((name, value),) = pattern
            if value not in NO_VALUES:
                by_feature.setdefault(name, {})[value] = row
    return {name: _known(rows, table) for name, rows in by_feature.items()}


def _known(rows: Mapping[str, PublishedRow], table: PublishedTable) -> Known:
    """Return the log of each row's outcomes over those expected, of odds on the logit scale, and its variance."""
    k, e, n = (_column(row, rows.values()) for row in ("outcome", "expected", "exposure"))
    log, variance = np.log((k + CONTINUITY) / (e + CONTINUITY)), 1 / (k + CONTINUITY)
    if table.scale.link is Link.LOGIT:
        without = np.maximum(n / table.scale.stands_for - k, 0.0) + CONTINUITY
        expected_without = np.maximum(n / table.scale.stands_for - e, 0.0) + CONTINUITY
        log, variance = log + np.log(expected_without / without), variance + 1 / without
    return Known(list(rows), log, variance)


def _column(name: str, rows: Iterable[PublishedRow]) -> Floats:
    return np.array([getattr(row, name) for row in rows], dtype=float)
