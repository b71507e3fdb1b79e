"""Renumbers integers and days from 0 without gaps, in their order."""

import numpy as np
from numpy.typing import NDArray

DENSE_CELLS = 1 << 22
"""Up to this number of possible integers, a table of all costs less than a sort."""

Ints = NDArray[np.integer]
Days = NDArray[np.datetime64]


def renumbered_densely(joint: Ints, size: int) -> tuple[Ints, int]:
    """Return integers below `size` renumbered from 0 without gaps, in their order, and the number of distinct ones."""
    if size > DENSE_CELLS:
        return _renumbered_sorted(joint, size)
    occurs = np.zeros(size, dtype=bool)
    occurs[joint] = True
    present = np.flatnonzero(occurs)
    place = np.empty(size, dtype=np.int32)  # half the memory of int64
    place[present] = np.arange(len(present), dtype=np.int32)
    return place.take(joint).astype(np.intp), len(present)


def _renumbered_sorted(joint: Ints, size: int) -> tuple[Ints, int]:
    """Do so by sorting: each integer with its place in the low bits, which costs half of sorting places by integer."""
    bits = len(joint).bit_length()
    if not len(joint) or size > 1 << (63 - bits):
        present, codes = np.unique(joint, return_inverse=True)
        return codes, len(present)
    ascending = np.sort((joint << bits) | np.arange(len(joint)))
    places = ascending & ((1 << bits) - 1)
    ascending >>= bits
    number = np.cumsum(ascending[1:] != ascending[:-1])
    codes = np.zeros(len(joint), dtype=np.intp)
    codes[places[1:]] = number
    return codes, int(number[-1]) + 1 if len(number) else 1


def numbered_days(days: Days) -> tuple[Days, NDArray[np.intp]]:
    """Return the distinct days of n rows in order, and each row's number among them (n integers)."""
    whole = days.astype("datetime64[D]")
    if not len(whole):
        return whole, np.zeros(0, dtype=np.intp)
    since = (whole - whole.min()).astype(np.int64)
    day, count = renumbered_densely(since, int(since.max()) + 1)
    distinct = np.empty(count, dtype=whole.dtype)
    distinct[day] = whole
    return distinct, day.astype(np.intp, copy=False)
