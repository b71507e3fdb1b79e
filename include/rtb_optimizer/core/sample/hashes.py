"""Hashes of rows, as arrays: which rows are alike in many columns at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.sample import Ints, Mask

Hashes = NDArray[np.uint64]
_MIX = np.uint64(0x9E3779B97F4A7C15)


def mixed(seed: Hashes, columns: Sequence[Ints | Mask]) -> Hashes:
    """Return a hash of a seed and of integer columns (n each): rows that share it are alike in all of them."""
    found = seed.copy()
    for column in columns:
        found ^= found >> np.uint64(32)
        found *= _MIX
        found += column.astype(np.uint64)
    found *= _MIX
    return found ^ (found >> np.uint64(29))
