"""The link follows the outcome, and its rates are those of probability theory."""

import numpy as np
import pytest

from rtb_optimizer.core.model.link import (
    Link,
    baseline_deviance,
    link_of,
    rate_of,
    rate_ratio,
    rescaled_to_total,
    scale_to_totals,
    strength_of,
)


@pytest.mark.parametrize(
    ("setting", "outcome", "exposure", "is_money", "link"),
    [
        ("auto", 3, 1000, False, Link.LOG),
        ("auto", 400, 1000, False, Link.LOGIT),
        ("auto", 50, 1000, False, Link.LOGIT),
        ("auto", 400, 1000, True, Link.LOG),
        ("auto", 0, 0, False, Link.LOG),
        ("odds", 3, 1000, False, Link.LOGIT),
        ("log", 400, 1000, False, Link.LOG),
    ],
)
def test_shares_multiply_their_odds_and_rare_events_and_money_their_rates(setting, outcome, exposure, is_money, link):
    assert link_of(setting, outcome, exposure, is_money=is_money) is link


@pytest.mark.parametrize("link", Link)
def test_a_rate_and_its_strength_are_two_names_of_one_number(link):
    for rate in (0.001, 0.3, 0.7):
        assert rate_of(np.array([strength_of(rate, link)]), link)[0] == pytest.approx(rate)


def test_doubled_odds_double_a_rare_rate_and_raise_a_common_one_by_less():
    ratio = rate_ratio(np.array([2.0, 2.0, 2.0]), np.array([1e-6, 0.5, 1.0]), Link.LOGIT)

    assert ratio == pytest.approx([2.0, (2 / 3) / 0.5, 1.0], rel=1e-5)
    assert rate_ratio(np.array([2.0]), np.array([0.5]), Link.LOG)[0] == 2.0


@pytest.mark.parametrize("link", Link)
def test_a_level_brings_what_is_expected_to_what_was_seen_and_keeps_the_shape(link):
    strength, exposure = np.array([0.1, 0.4, 2.0]), np.array([10.0, 20.0, 5.0])
    even = rescaled_to_total(strength, exposure, 7.0, link)

    assert (rate_of(even, link) * exposure).sum() == pytest.approx(7.0)
    assert even / even[0] == pytest.approx(strength / strength[0])


@pytest.mark.parametrize("share", [1e-6, 0.001, 0.5, 0.999, 1 - 1e-7])
@pytest.mark.parametrize("spread", [0.1, 1, 8])
def test_the_scale_of_odds_is_found_however_far_away_and_unlike_they_are(share, spread):
    drawn = np.random.default_rng(1)
    odds, exposure = np.exp(drawn.normal(-3, spread, (50, 100))), np.exp(drawn.normal(0, 3, (50, 100)))
    totals = share * exposure.sum(axis=1)

    scaled = odds * scale_to_totals(odds, exposure, totals)[:, None]

    assert (exposure * rate_of(scaled, Link.LOGIT)).sum(axis=1) == pytest.approx(totals, rel=1e-9)


def test_folds_without_exposures_and_those_of_nothing_but_outcomes_have_a_finite_scale():
    odds, exposure = np.ones((3, 2)), np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])

    scales = scale_to_totals(odds, exposure, np.array([0.0, 2.0, 0.0]))

    assert scales[0] == 1
    assert scales[2] < 1e-9
    assert scales[1] > 1e9


def test_the_baseline_deviance_is_the_entropy_and_for_rare_outcomes_the_poisson_one():
    assert baseline_deviance(10, 20, Link.LOGIT) == pytest.approx(20 * np.log(2))
    assert baseline_deviance(10, 20, Link.LOG) == pytest.approx(10 * (1 + np.log(2)))
    assert baseline_deviance(10, 1e6, Link.LOGIT) == pytest.approx(baseline_deviance(10, 1e6, Link.LOG), rel=1e-5)


@pytest.mark.parametrize("link", Link)
def test_without_outcomes_there_is_no_deviance_and_with_nothing_else_none_that_odds_know(link):
    assert baseline_deviance(0, 10, link) == 0
    assert baseline_deviance(10, 10, Link.LOGIT) == 0
