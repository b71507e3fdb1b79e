"""What does a joint table answer? The rate of the longest prefix that has a row, for many requests at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.joint import JointTable
from rtb_optimizer.core.sample import Feature, Floats, Sample

MIX = np.uint64(0x9E3779B97F4A7C15)


def rates_by_keys(table: JointTable, sample: Sample) -> Iterator[Floats]:
    """Yield the rates that the table's first key tells of each row of a sample (n floats), its first two keys, and on.

    The sample's features number their values as those of the sample that the table was compiled from: both are parts
    of one, as hold-out and training are.
    """
    rates = np.full(len(sample.exposure), table.rate)
    ours, theirs = np.zeros(len(rates), np.uint64), np.zeros(len(table.sample.exposure), np.uint64)
    for name, level in zip(table.features, table.levels, strict=True):
        ours, theirs = (_mixed(ids, part.features[name]) for ids, part in ((ours, sample), (theirs, table.sample)))
        if len(level.rows):
            ids = theirs.take(level.rows)
            order = np.argsort(ids)
            row = order.take(np.minimum(np.searchsorted(ids, ours, sorter=order), len(ids) - 1))
            answered = np.flatnonzero(ids.take(row) == ours)
            rates[answered] = level.rate.take(row[answered])
        yield rates.copy()


def _mixed(ids: NDArray[np.uint64], feature: Feature) -> NDArray[np.uint64]:
    """Return a hash of the values so far: prefixes of one hash are one prefix."""
    return (ids + feature.codes.astype(np.uint64) + np.uint64(1)) * MIX
