"""Factors multiply, shrink toward 1, and know nothing of the order of rows."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import DEVICE_FACTORS, SITE_FACTORS, feature, planted, reordered, sample_of
from rtb_optimizer.core.model import baseline_deviance, fit, fit_factor, log_likelihood_gain
from rtb_optimizer.core.values import UNEXPANDED

# One value of 10 rows without an outcome, one of 10 rows with all: base rate 1/2, five expected of each.
HALVES = sample_of([0] * 10 + [1] * 10, half=["a"] * 10 + ["b"] * 10)


@pytest.mark.parametrize(
    ("prior", "theta"),
    [(1, (1 / 6, 11 / 6)), (5, (5 / 10, 15 / 10)), (45, (45 / 50, 55 / 50)), (1e9, (1.0, 1.0))],
)
def test_a_factor_is_outcomes_over_expectation_each_with_the_prior_added(prior, theta):
    assert fit(HALVES, {"half": prior}).factors["half"].theta == pytest.approx(theta, rel=1e-6)


def test_a_factor_shrinks_further_toward_1_the_less_its_value_was_seen():
    seen = [8, 40, 400]
    values = [name for name, n in zip("abc", seen, strict=True) for _ in range(n)]
    outcome = [float(i % 2 == 0) for i in range(sum(seen))] + [0.0] * 500
    sample = sample_of(outcome, value=[*values, *(["rest"] * 500)])

    theta = dict(zip(sample.features["value"].values, fit(sample, {"value": 20}).factors["value"].theta, strict=True))

    assert 1 < theta["a"] < theta["b"] < theta["c"] < 0.5 / (224 / 948)


def test_planted_factors_are_found_again_from_features_that_overlap():
    sample = planted(rows=60_000)
    model = fit(sample, {"site": 1, "device": 1})

    ratio = model.factors["site"].theta / model.factors["site"].theta[4]
    assert ratio == pytest.approx(SITE_FACTORS, rel=0.2)
    assert model.factors["device"].theta / model.factors["device"].theta[1] == pytest.approx(DEVICE_FACTORS, rel=0.1)


def test_backfitting_gives_two_copies_of_one_feature_one_effect_between_them():
    sample = planted()
    alone, both = fit(sample, {"site": 4}), fit(sample, {"site": 4, "site_copy": 4})

    assert both.rates(sample) == pytest.approx(alone.rates(sample), rel=0.05)


def test_expected_outcomes_add_up_to_those_seen():
    sample = planted()
    model = fit(sample, {"site": 8, "device": 8})

    assert (model.rates(sample) * sample.exposure).sum() == pytest.approx(sample.outcome.sum(), rel=1e-12)


def test_an_unexpanded_macro_keeps_factor_1_whatever_its_rows_say():
    column = feature([UNEXPANDED] * 10 + ["b"] * 10)
    factor = fit_factor(column, HALVES.outcome, np.full(20, 0.5), 1)

    assert dict(zip(column.values, factor.theta, strict=True)) == {UNEXPANDED: 1.0, "b": pytest.approx(11 / 6)}


def test_a_value_that_no_row_has_keeps_factor_1():
    column = replace(HALVES.features["half"], values=("a", "b", "never"))

    assert fit_factor(column, HALVES.outcome, np.full(20, 0.5), 3).theta[2] == 1.0


def test_logs_without_any_outcome_give_a_rate_of_0_and_factors_of_1():
    sample = replace(HALVES, outcome=np.zeros(20))
    model = fit(sample, {"half": 2})

    assert model.base == 0
    assert list(model.factors["half"].theta) == [1.0, 1.0]
    assert baseline_deviance(sample) == 0
    assert log_likelihood_gain(HALVES, model.rates(HALVES)) == 0


def test_a_model_that_expects_nothing_gains_nothing_on_rows_with_outcomes():
    assert log_likelihood_gain(HALVES, np.zeros(20)) == 0.0


def test_the_order_of_rows_changes_no_factor():
    sample = planted()
    shuffled = reordered(sample, np.random.default_rng(5).permutation(len(sample.outcome)))
    priors = {"site": 4, "device": 8, "noise": 64}

    one, other = fit(sample, priors), fit(shuffled, priors)

    assert other.base == pytest.approx(one.base, rel=1e-12)
    for name in priors:
        assert other.factors[name].theta == pytest.approx(one.factors[name].theta, rel=1e-9)


def test_a_weight_counts_as_that_many_rows():
    sample = planted(rows=4_000)
    weight = np.random.default_rng(1).integers(1, 4, len(sample.outcome))
    weighted = replace(sample, exposure=sample.exposure * weight, outcome=sample.outcome * weight)
    repeated = reordered(sample, np.repeat(np.arange(len(weight)), weight))

    one, other = fit(weighted, {"site": 4, "device": 8}), fit(repeated, {"site": 4, "device": 8})

    assert one.base == pytest.approx(other.base, rel=1e-12)
    assert one.factors["site"].theta == pytest.approx(other.factors["site"].theta, rel=1e-9)


def test_the_baseline_deviance_is_outcomes_times_one_plus_the_log_of_exposures_each():
    assert baseline_deviance(HALVES) == pytest.approx(10 * (1 + np.log(2)))


def test_rates_that_are_right_gain_and_rates_that_are_wrong_lose():
    right, wrong = np.where(HALVES.outcome > 0, 0.9, 0.1), np.where(HALVES.outcome > 0, 0.1, 0.9)

    assert log_likelihood_gain(HALVES, right) == pytest.approx(10 * np.log(1.8) / (10 * (1 + np.log(2))))
    assert log_likelihood_gain(HALVES, wrong) < 0


def test_the_level_of_rates_is_no_gain():
    rates = fit(HALVES, {"half": 1}).rates(HALVES)

    assert log_likelihood_gain(HALVES, 7 * rates) == pytest.approx(log_likelihood_gain(HALVES, rates))
    assert log_likelihood_gain(HALVES, np.full(20, 0.003)) == pytest.approx(0)
