"""A bid follows its factor, or what is sure of it, within bounds, and the budget stays what it was."""

from dataclasses import replace

import numpy as np
import pytest

from rtb_optimizer.core.model.fit import Factor
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.table.bidding import (
    BidRules,
    Tier,
    bid_bounds,
    factor_intervals,
    multipliers,
    not_worth_a_bid,
    rate_intervals,
    spend_neutral_level,
    tier,
)

RULES = BidRules(minimum=0.3, maximum=3.0, confidence=0.8)

# Quantiles of Gamma(k, 1) are half those of chi-square with 2k degrees of freedom: Abramowitz and Stegun, table 26.8.
CHI_SQUARE = {  # shape: 5 %, 10 %, 90 %, 95 %
    2: (0.7107, 1.0636, 7.7794, 9.4877),
    5: (3.9403, 4.8652, 15.9872, 18.3070),
    10: (10.8508, 12.4426, 28.4120, 31.4104),
    20: (26.5093, 29.0505, 51.8051, 55.7585),
    50: (77.9295, 82.3581, 118.4980, 124.3421),
}


def interval(outcome, expected, prior, confidence):
    theta = (outcome + prior) / (expected + prior)
    shape = (np.array([float(number)]) for number in (theta, outcome, expected, 1e9))
    low, high = factor_intervals(Factor(*shape, prior, 0.0), confidence)
    return float(low[0]), float(high[0])


@pytest.mark.parametrize(("shape", "quantiles"), CHI_SQUARE.items())
def test_an_interval_is_within_1_percent_of_the_exact_gamma_quantiles(shape, quantiles):
    assert interval(shape, 1.0, 0.0, 0.8) == pytest.approx((quantiles[1] / 2, quantiles[2] / 2), rel=0.01)
    if shape >= 5:
        assert interval(shape, 1.0, 0.0, 0.9) == pytest.approx((quantiles[0] / 2, quantiles[3] / 2), rel=0.01)


def test_where_the_approximation_is_rough_its_low_end_is_too_low_so_it_raises_less():
    low, high = interval(1.0, 1.0, 0.0, 0.8)

    assert 0.9 * 0.10536 < low < 0.10536  # -ln 0.9, exactly
    assert high == pytest.approx(2.30259, rel=0.011)  # -ln 0.1
    assert interval(1.0, 1.0, 0.0, 0.999)[0] == 0.0


@pytest.mark.parametrize("without", [0.0, 1e-6, 0.1, 0.3])
def test_where_nearly_every_exposure_has_an_outcome_a_factor_of_odds_is_not_acted_on(without):
    n, k = np.array([100.0]), np.array([100.0])
    factor = Factor(np.array([1.2]), k, np.array([99.0]), n, 4.0, without)
    low, high = factor_intervals(factor, 0.8, Link.LOGIT)

    assert low[0] < 1.2 < high[0] < np.inf
    assert multipliers(*rate_intervals(factor, 0.8, Link.LOGIT), RULES) == 1.0
    high = rate_intervals(factor, 0.8, Link.LOGIT)[1]
    assert not not_worth_a_bid(factor, high, np.array([False]), replace(RULES, no_bid_below=0.5)).any()


FACTOR = Factor(
    *(np.array([x, y, z]) for x, y, z in ((2.0, 1.1, 0.4), (20, 21, 8), (8, 19, 26), (100, 90, 80))), 4.0, 9.0
)


@pytest.mark.parametrize(("link", "followed"), [(Link.LOG, [2.0, 1.1, 0.4]), (Link.LOGIT, [1.852, 1.077, 0.497])])
def test_without_confidence_asked_for_a_bid_follows_the_effect_of_the_factor_on_the_rate(link, followed):
    low, high = bid_bounds(FACTOR, replace(RULES, confidence=0.0), link)

    assert low.tolist() == high.tolist()
    assert multipliers(low, high, RULES) == pytest.approx(followed, abs=0.001)


@pytest.mark.parametrize("confidence", [0.3, 0.5, 0.8, 0.95])
def test_with_confidence_asked_for_a_bid_acts_on_the_bounds_of_that_interval(confidence):
    bounds = bid_bounds(FACTOR, replace(RULES, confidence=confidence))

    assert np.array(bounds).tolist() == np.array(rate_intervals(FACTOR, confidence)).tolist()


@pytest.mark.parametrize(("confidence", "mass"), [(0.0, 0.8), (0.5, 0.8), (0.8, 0.8), (0.95, 0.95)])
def test_a_factor_without_a_significant_gain_acts_through_the_published_interval(confidence, mass):
    rules = replace(RULES, confidence=confidence)
    bounds = bid_bounds(FACTOR, rules, significant=False)
    mixed = bid_bounds(FACTOR, rules, significant=np.array([True, False, True]))

    assert rules.interval_mass == mass
    assert np.array(bounds).tolist() == np.array(rate_intervals(FACTOR, mass)).tolist()
    assert [low[1] for low in mixed] == [low[1] for low in bounds]
    assert [low[0] for low in mixed] == [low[0] for low in bid_bounds(FACTOR, rules)]


def test_the_prior_counts_as_outcomes_seen_and_expected():
    assert interval(8.0, 3.0, 2.0, 0.8) == interval(10.0, 5.0, 0.0, 0.8)


def test_an_interval_narrows_around_its_factor_with_more_outcomes_and_less_confidence():
    few, many = interval(20, 10, 1, 0.8), interval(2000, 1000, 1, 0.8)
    bold = interval(20, 10, 1, 0.5)

    assert few[0] < many[0] < 2 < many[1] < few[1]
    assert few[0] < bold[0] < bold[1] < few[1]


@pytest.mark.parametrize(
    ("low", "high", "acted"),
    [
        (1.2, 2.0, 1.2),
        (0.5, 0.8, 0.8),
        (0.9, 1.1, 1.0),
        (0.2, 5.0, 1.0),
        (1.0, 2.0, 1.0),
        (0.5, 1.0, 1.0),
        (4.0, 9.0, 3.0),
        (0.01, 0.1, 0.3),
    ],
)
def test_a_bid_is_raised_on_the_lower_bound_cut_on_the_upper_and_else_left_alone(low, high, acted):
    assert float(multipliers(np.array([low]), np.array([high]), RULES)[0]) == acted


@pytest.mark.parametrize(
    ("low", "high", "previous", "moved"),
    [
        (2.0, 2.5, 1.0, 1.25),  # up as far as may be
        (0.4, 0.5, 1.0, 0.8),  # down as far as may be
        (1.1, 1.3, 1.0, 1.1),  # near enough to be reached at once
        (2.0, 2.5, 1.9, 2.0),
        (0.9, 1.1, 2.0, 1.6),  # back towards 1, in steps too
        (0.9, 1.1, 0.4, 0.5),
        (9.0, 9.9, 2.9, 3.0),  # the bounds hold, however far it might move
        (0.1, 0.2, 0.31, 0.3),
        (0.9, 1.1, 5.0, 3.0),  # and where the last run had wider ones
        (0.9, 1.1, 0.1, 0.3),
    ],
)
def test_a_multiplier_moves_only_so_far_from_that_of_the_active_run(low, high, previous, moved):
    rules = replace(RULES, max_movement=1.25)
    limited = multipliers(np.array([low]), np.array([high]), rules, np.array([previous]))

    assert float(limited[0]) == pytest.approx(moved)


def test_without_a_limit_or_a_run_before_a_multiplier_goes_where_it_wants_to():
    low, high = np.array([2.0, 0.4]), np.array([2.5, 0.5])

    assert multipliers(low, high, replace(RULES, max_movement=1.25)).tolist() == [2.0, 0.5]
    assert multipliers(low, high, RULES, np.array([1.0, 1.0])).tolist() == [2.0, 0.5]


@pytest.mark.parametrize(
    ("high", "below", "not_bid"), [(0.09, 0.1, True), (0.1, 0.1, False), (0.5, 0.1, False), (0.01, 0.0, False)]
)
def test_no_bid_is_advised_only_where_the_upper_bound_is_below(high, below, not_bid):
    rules, was = replace(RULES, no_bid_below=below), np.array([False])
    assert not_worth_a_bid(seen(100, 100), np.array([high]), was, rules).tolist() == [not_bid]


def seen(exposure, expected, outcome=0.0):
    """A factor of one value, shrunk to 1 where little of it is seen."""
    k, e, n = (np.array([float(each)]) for each in (outcome, expected, exposure))
    return Factor((k + 10) / (e + 10), k, e, n, 10.0, 0.0)


@pytest.mark.parametrize(
    ("outcome", "expected", "stays"),
    [(0, 1, True), (2, 5, True), (5, 5, True), (9, 10, True), (40, 20, False), (75, 100, False), (60, 100, True)],
)
def test_a_value_without_a_bid_stays_so_until_what_is_seen_of_it_is_certainly_better(outcome, expected, stays):
    factor, rules = seen(1_000, expected, outcome), replace(RULES, no_bid_below=0.5)

    assert not_worth_a_bid(factor, np.array([0.9]), np.array([True]), rules).tolist() == [stays]


@pytest.mark.parametrize(("exposure", "begins"), [(399, False), (400, True)])
def test_a_value_is_left_out_only_where_the_holdback_will_see_enough_of_it(exposure, begins):
    rules = replace(RULES, no_bid_below=0.5, no_bid_exposures=400)

    assert not_worth_a_bid(seen(exposure, 40), np.array([0.1]), np.array([False]), rules).tolist() == [begins]


@pytest.mark.parametrize(
    ("outcomes", "name"), [(0, "low"), (9.99, "low"), (10, "medium"), (99, "medium"), (100, "high")]
)
def test_a_tier_follows_the_positives(outcomes, name):
    assert tier(outcomes) is Tier(name)


def spent(level, product, spend, rules=RULES):
    return (spend * np.clip(level * product, rules.minimum, rules.maximum)).sum()


@pytest.mark.parametrize("seed", range(10))
def test_spend_stays_what_it_was_to_a_millionth_and_no_bid_leaves_its_bounds(seed):
    draw = np.random.default_rng(seed)
    product, spend = np.exp(draw.normal(0, 1.5, 500)), draw.exponential(1.0, 500)

    level = spend_neutral_level(product, spend, RULES)
    bids = np.clip(level * product, RULES.minimum, RULES.maximum)

    assert spent(level, product, spend) == pytest.approx(spend.sum(), rel=1e-6)
    assert bids.min() >= RULES.minimum
    assert bids.max() <= RULES.maximum
    assert (level * product).max() > RULES.maximum  # the clip does bind here


def test_multipliers_that_are_all_equal_are_levelled_out():
    assert spend_neutral_level(np.full(3, 2.0), np.ones(3), RULES) == pytest.approx(0.5)


def test_rows_without_spend_do_not_count():
    level = spend_neutral_level(np.array([2.0, 0.5]), np.array([1.0, 0.0]), RULES)

    assert level == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rules", "end"),
    [
        (BidRules(1.5, 3.0, 0.8), 1.5 / 2.0),  # even the lowest level overspends: everything at the minimum
        (BidRules(0.3, 0.8, 0.8), 0.8 / 0.5),  # even the highest underspends: everything at the maximum
    ],
)
def test_where_the_bounds_allow_no_neutral_level_the_nearest_end_is_taken(rules, end):
    product, spend = np.array([0.5, 1.0, 2.0]), np.ones(3)
    level = spend_neutral_level(product, spend, rules)

    assert level == pytest.approx(end)
    assert spent(level, product, spend, rules) == pytest.approx(3 * (rules.minimum if end < 1 else rules.maximum))


@pytest.mark.parametrize(("product", "spend"), [([], []), ([2.0], [0.0])])
def test_without_spend_there_is_nothing_to_keep(product, spend):
    assert spend_neutral_level(np.array(product), np.array(spend), RULES) == 1.0
