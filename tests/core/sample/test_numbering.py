"""Integers and days are renumbered from 0 without gaps, in their order, by a table or by a sort."""

import numpy as np
import pytest

from rtb_optimizer.core.sample.numbering import DENSE_CELLS, numbered_days, renumbered_densely

WIDEST = 1 << 62


@pytest.mark.parametrize("size", [100, DENSE_CELLS + 1, WIDEST], ids=["a table", "a sort", "too wide for places"])
@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ([], []),
        ([7], [0]),
        ([0, 0, 0], [0, 0, 0]),
        ([9, 4, 9, 0, 4], [2, 1, 2, 0, 1]),
    ],
)
def test_integers_are_renumbered_in_their_order(given, numbers, size):
    codes, count = renumbered_densely(np.array(given, dtype=np.int64), size)

    assert codes.tolist() == numbers
    assert count == len(set(given))


@pytest.mark.parametrize("size", [2 * DENSE_CELLS, WIDEST])
def test_many_integers_are_numbered_as_their_distinct_values_are_sorted(size):
    given = np.random.default_rng(0).integers(0, 2 * DENSE_CELLS, 5_000)
    given[::3] = given[0]

    codes, count = renumbered_densely(given, size)

    distinct, places = np.unique(given, return_inverse=True)
    assert np.array_equal(codes, places)
    assert count == len(distinct)


@pytest.mark.parametrize(
    ("days", "distinct", "numbers"),
    [
        ([], [], []),
        (["2026-03-03", "2026-03-01", "2026-03-03"], ["2026-03-01", "2026-03-03"], [1, 0, 1]),
        (["1969-12-31", "1970-01-01"], ["1969-12-31", "1970-01-01"], [0, 1]),
        (["0001-01-01", "9999-12-31"], ["0001-01-01", "9999-12-31"], [0, 1]),
    ],
)
def test_days_are_numbered_in_their_order(days, distinct, numbers):
    found, day = numbered_days(np.array(days, dtype="datetime64[D]"))

    assert found.astype(str).tolist() == distinct
    assert day.tolist() == numbers


def test_an_instant_counts_for_its_day():
    found, day = numbered_days(np.array(["2026-03-01T23:59", "2026-03-01T00:00"], dtype="datetime64[m]"))

    assert found.astype(str).tolist() == ["2026-03-01"]
    assert day.tolist() == [0, 0]
