"""The metrics of the benchmark are those calculated by hand."""

from math import log

import numpy as np
import pytest

COUNTS = [3.0, 1.0], [4.0, 4.0]
MONEY = [6.0, 2.0], [1.0, 3.0]


@pytest.fixture(scope="module")
def yardstick(script):
    return script("deviance")


@pytest.fixture
def holdout(yardstick):
    def of(outcomes, exposure, kind="binomial"):
        return yardstick.Holdout(np.array(outcomes), np.array(exposure), kind)

    return of


def test_the_gain_of_counts_is_over_the_training_rate(yardstick, holdout):
    metrics = yardstick.metrics_of(holdout(*COUNTS), np.array([0.75, 0.25]), 0.25)

    assert metrics["gain"] == pytest.approx(3 * log(3) + log(1 / 3))
    assert metrics["base_loss"] == pytest.approx(-(4 * log(0.25) + 4 * log(0.75)) / 8)
    assert metrics["explained"] == pytest.approx(1), "each row has the rate that it turned out to have"
    assert metrics["level"] == pytest.approx(1)
    assert metrics["gain_unlevelled"] == pytest.approx(6 * log(0.75) + 2 * log(0.25) - 8 * log(0.5))


def test_with_the_level_taken_out_only_the_order_and_spread_count(yardstick, holdout):
    """Odds of 3 and 1/3 predicted nine times too low are recalibrated to those odds."""
    metrics = yardstick.metrics_of(holdout(*COUNTS), np.array([1 / 4, 1 / 28]), 0.5)

    assert metrics["level"] == pytest.approx((1 + 1 / 7) / 4)
    assert metrics["gain"] < 0 < metrics["gain_unlevelled"]
    assert metrics["explained_unlevelled"] == pytest.approx(1)


def test_a_constant_gains_nothing_over_itself_whatever_its_level(yardstick, holdout):
    metrics = yardstick.metrics_of(holdout(*COUNTS), np.array([0.1, 0.1]), 0.1)

    assert metrics["gain"] == 0
    assert metrics["explained_unlevelled"] == pytest.approx(0, abs=1e-12)


def test_the_gain_of_money_is_poissons_and_its_share_does_not_depend_on_the_unit(yardstick, holdout):
    rates = np.array([5.0, 1.0])
    metrics = yardstick.metrics_of(holdout(*MONEY, "money"), rates, 2.0)
    in_cents = yardstick.metrics_of(holdout([600.0, 200.0], MONEY[1], "money"), 100 * rates, 200.0)

    gain = 6 * log(5 / 2) + 2 * log(1 / 2)
    assert metrics["gain"] == pytest.approx(gain), "both rates predict 8 in all"
    assert metrics["explained"] == pytest.approx(gain / (6 * log(6 / 2) + 2 * log((2 / 3) / 2)))
    assert metrics["explained"] == pytest.approx(in_cents["explained"])
    assert metrics["level"] == in_cents["level"] == pytest.approx(1)


def test_moneys_level_is_taken_out_by_one_factor(yardstick, holdout):
    once, twice = (
        yardstick.metrics_of(holdout(*MONEY, "money"), factor * np.array([5.0, 1.0]), 2.0) for factor in (1, 2)
    )

    assert twice["level"] == pytest.approx(2)
    assert twice["explained"] < once["explained"]
    assert twice["explained_unlevelled"] == pytest.approx(once["explained_unlevelled"])


def test_deciles_hold_a_tenth_of_the_exposure_each_and_compare_predicted_with_observed(yardstick, holdout):
    """Ten rows of 1,000: the first predicts 30 of 40 observed, the last 140 of 130, and so on in between."""
    observed = np.array([40.0, *range(50, 130, 10), 130.0])
    rates = np.array([30.0, *range(50, 130, 10), 140.0]) / 1000
    metrics = yardstick.calibration(holdout(observed, [1000.0] * 10), rates)

    errors = [decile["error"] for decile in metrics["deciles"]]
    assert errors == pytest.approx([30 / 40 - 1, *[0] * 8, 140 / 130 - 1])
    assert metrics["worst"] == pytest.approx(0.25)
    assert metrics["few"] == 0


def test_rows_of_one_rate_are_parted_by_exposure_not_by_their_order(yardstick, holdout):
    """Two rates over twenty rows: five deciles of each, whatever the order of the outcomes among equals."""
    observed = np.array([100.0, 0.0] * 5 + [0.0] * 5 + [30.0] * 5)
    rates = np.repeat([0.05, 0.02], 10)
    metrics = yardstick.calibration(holdout(observed, [1000.0] * 20), rates)

    assert [decile["observed"] for decile in metrics["deciles"]] == pytest.approx([30.0] * 5 + [100.0] * 5)
    assert [decile["error"] for decile in metrics["deciles"]] == pytest.approx([1 / 3] * 5 + [0] * 5)


def test_a_decile_of_few_outcomes_is_marked_and_not_the_worst(yardstick, holdout):
    observed = np.array([19.0] + [20.0] * 9)
    metrics = yardstick.calibration(holdout(observed, [1000.0] * 10), np.array([0.001] + [0.022] * 9))

    assert [decile["few"] for decile in metrics["deciles"]] == [True] + [False] * 9
    assert metrics["few"] == 1
    assert metrics["worst"] == pytest.approx(0.1)


def test_where_nothing_came_there_is_no_relative_error(yardstick, holdout):
    metrics = yardstick.calibration(holdout([0.0, 5.0], [5.0, 5.0]), np.array([0.1, 0.9]))

    assert metrics["deciles"][0]["error"] is None
    assert metrics["worst"] is None
    assert metrics["few"] == 10


@pytest.mark.parametrize(
    ("predicted", "worst"),
    [(100.0, 0.2), (10_000.0, 0.018), (0.5, None)],
    ids=["a hundred", "ten thousand", "hardly any"],
)
def test_the_worst_of_ten_deciles_is_off_by_chance_about_1_8_standard_errors_of_a_count(yardstick, predicted, worst):
    by_chance = yardstick.worst_by_chance(np.full(10, predicted))
    assert by_chance == (None if worst is None else pytest.approx(worst, rel=0.1))
