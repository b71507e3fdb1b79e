"""Money is counted in events of one size, so that its variance is a count's."""

import numpy as np
import pytest

from rtb_optimizer.core.sample.objective import effective_events, share_cut

ONE = np.ones(1000)


def test_equal_payments_are_as_many_events_as_there_are_payments():
    value = np.r_[np.full(20, 0.5), np.zeros(980)]
    events, unit = effective_events(value, ONE, ONE, 1.0)

    assert unit == pytest.approx(0.5, rel=0.05)
    assert events.sum() == pytest.approx(20, rel=0.05)
    assert events.sum() * unit == pytest.approx(value.sum())


def test_a_few_large_payments_are_fewer_events_than_many_small_ones_of_the_same_sum():
    few, many = np.r_[np.full(5, 2.0), np.zeros(995)], np.r_[np.full(100, 0.1), np.zeros(900)]

    assert effective_events(few, ONE, ONE, 1.0)[0].sum() < effective_events(many, ONE, ONE, 1.0)[0].sum() / 10


def test_the_variance_of_events_is_their_mean():
    draw = np.random.default_rng(1)
    value = np.where(draw.random(50_000) < 0.02, draw.exponential(3.0, 50_000), 0.0)
    events, _ = effective_events(value, np.ones(50_000), np.ones(50_000), 1.0)

    assert events.var() == pytest.approx(events.mean(), rel=0.05)


def test_one_lucky_row_is_cut_to_what_others_earn():
    value = np.r_[np.full(400, 1.0), 1_000.0, np.zeros(599)]
    events, unit = effective_events(value, ONE, ONE, 0.99)

    assert events[400] == events[0]
    assert events[0] * unit == pytest.approx(1.0)


def test_the_largest_of_a_few_payments_is_cut_to_the_next_and_the_share_is_reported():
    """The quantile of a few hundred rows is the largest of them: it would set its own cap."""
    value = np.r_[np.full(98, 1.0), 3.0, 1_000.0, np.zeros(900)]
    events, unit = effective_events(value, ONE, ONE, 0.999)

    assert events[99] * unit == pytest.approx(3.0)
    assert share_cut(value, ONE, ONE, 0.999) == pytest.approx(997 / 1_101)
    assert share_cut(value, ONE, ONE, 1.0) == 0
    assert share_cut(np.zeros(1000), ONE, ONE, 0.5) == 0


def test_what_is_cut_is_money_per_exposure_not_the_money_of_many_exposures():
    value, exposure = np.r_[np.full(400, 1.0), 1_000.0], np.r_[np.ones(400), 1_000.0]
    events, unit = effective_events(value, exposure, np.ones(401), 0.9)

    assert events[400] * unit == pytest.approx(1_000.0)


@pytest.mark.parametrize("value", [np.zeros(1000), np.full(1000, -1.0)])
def test_without_money_there_are_no_events(value):
    events, unit = effective_events(value, ONE, ONE, 0.999)

    assert (events.sum(), unit) == (0, 1)


def test_a_weight_counts_as_that_many_rows():
    draw = np.random.default_rng(2)
    value, weight = np.where(draw.random(500) < 0.3, draw.exponential(1.0, 500), 0.0), draw.integers(1, 4, 500)
    weighted = effective_events(value, np.ones(500), weight.astype(float), 1.0)
    repeated = effective_events(np.repeat(value, weight), np.ones(weight.sum()), np.ones(weight.sum()), 1.0)

    assert weighted[1] == pytest.approx(repeated[1])
    assert (weighted[0] * weight).sum() == pytest.approx(repeated[0].sum())
