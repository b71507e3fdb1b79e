"""The population stability index by hand, and what counts as new."""

from math import log

import numpy as np
import pytest

from rtb_optimizer.core.sample.drift import Distribution, Drift, distribution, drift, is_replaced, psi
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


@pytest.mark.parametrize(
    ("then", "now", "replaced"),
    [
        ({"US": 60, "DE": 40}, {"USA": 60, "DEU": 40}, 1.0),
        ({"US": 60, "DE": 40}, {"USA": 60, "DE": 40}, 0.6),
        ({"US": 60, "DE": 40}, {"US": 30, "DE": 20, "FR": 50}, 0.0),
        ({"US": 60, "DE": 40}, {"US": 100}, 0.0),
        ({"monday": 100}, {"tuesday": 100}, 0.0),
        ({"a": 30, "b": 30, **{f"rare{n}": 1 for n in range(40)}}, {"A": 31, "B": 31, "c": 38}, 1.0),
        ({"a": 4, **{f"rare{n}": 1 for n in range(96)}}, {"A": 100, "B": 1}, 0.0),
    ],
    ids=["all respelt", "one respelt", "one new", "one gone", "a calendar", "of those named", "too few were named"],
)
def test_what_was_named_then_and_is_gone_is_replaced_as_far_as_new_values_came(then, now, replaced):
    was = distribution(*feature(**then), min_rows=2)

    assert drift(*feature(**now), was).replaced == pytest.approx(replaced)


def test_the_values_that_are_gone_are_those_that_nobody_has_and_not_those_that_became_rare():
    then = distribution(*feature(rare_now=50, gone=30, gone_too=20), min_rows=1)

    assert drift(*feature(new=99, rare_now=1), then).gone == ("gone", "gone_too")


@pytest.mark.parametrize(
    ("replaced", "days", "usual", "is_so"),
    [
        (0.31, 1, 0.0, True),
        (0.25, 1, 0.0, False),
        (0.5, 2, 0.0, False),
        (0.9, 2, 0.0, True),
        (1.0, 1, 1.0, False),
        (0.31, 1, 0.2, False),
        (0.6, 1, 0.2, True),
    ],
    ids=[
        "a respelling",
        "turnover",
        "weekdays of two days",
        "a respelling of two days",
        "hours of the week",
        "much turnover",
        "more than the usual turnover",
    ],
)
def test_values_are_replaced_where_turnover_and_calendar_explain_less(replaced, days, usual, is_so):
    assert is_replaced(Drift(0.0, 1.0, replaced), days, usual) is is_so


def test_exposures_count_and_not_rows():
    values, _ = feature(a=1, b=1)

    assert distribution(values, np.array([3.0, 1.0]), min_rows=0).shares == {"a": 0.75, "b": 0.25}
