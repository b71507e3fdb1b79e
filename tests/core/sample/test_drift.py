"""The population stability index by hand, and what counts as new."""

from math import log

import numpy as np
import pytest

from rtb_optimizer.core.sample.drift import Distribution, Drift, distribution, drift, psi
from rtb_optimizer.core.sample.sample import Feature


def feature(**rows):
    """A feature with so many rows of each value, one exposure each."""
    codes = np.repeat(np.arange(len(rows)), list(rows.values()))
    return Feature(codes, tuple(rows)), np.ones(len(codes))


def test_psi_is_the_sum_over_bins_by_hand():
    """A share of nothing counts as 0.0001."""
    bins = [(0.5, 0.8), (0.4, 0.2), (0.1, 0.0)]
    by_hand = 0.3 * log(1.6) + (-0.2) * log(0.5) + (0.0001 - 0.1) * log(0.0001 / 0.1)

    assert psi(bins) == pytest.approx(by_hand)
    assert psi([(0.5, 0.5), (0.5, 0.5), (0.0, 0.0)]) == 0


def test_a_feature_s_heaviest_values_are_named_if_they_have_rows_enough():
    of = feature(a=50, b=30, c=15, d=5)

    assert distribution(*of, min_rows=10, at_most=2) == Distribution({"a": 0.5, "b": 0.3}, 0.2)
    assert distribution(*of, min_rows=10) == Distribution({"a": 0.5, "b": 0.3, "c": 0.15}, 0.05)
    assert distribution(*of, min_rows=1).rest == 0


def test_a_shift_between_two_windows_by_hand():
    """a 0.6 to 0.3, b 0.4 to 0.2, and half of all exposures at a value that nobody had."""
    then = distribution(*feature(a=60, b=40), min_rows=1)
    by_hand = (0.3 - 0.6) * log(0.3 / 0.6) + (0.2 - 0.4) * log(0.2 / 0.4) + (0.5 - 0.0001) * log(0.5 / 0.0001)

    assert drift(*feature(a=30, b=20, c=50), then) == Drift(pytest.approx(by_hand), 0.5)
    assert drift(*feature(a=60, b=40), then) == Drift(0.0, 0.0)


def test_a_value_that_may_have_been_among_the_others_is_no_new_one():
    then = Distribution({"a": 0.6, "b": 0.2}, 0.2)

    assert drift(*feature(a=60, b=20, c=15, d=5), then).new_share == 0
    assert drift(*feature(a=60, b=10, c=25, d=5), then).new_share == 0.25


def test_exposures_count_and_not_rows():
    values, _ = feature(a=1, b=1)

    assert distribution(values, np.array([3.0, 1.0]), min_rows=0).shares == {"a": 0.75, "b": 0.25}
