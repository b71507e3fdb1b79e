"""Factors multiply, shrink toward 1, and know nothing of the order of rows."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import DEVICE_FACTORS, SITE_FACTORS, planted, reordered, sample_of
from rtb_optimizer.core.model.fit import Fitting, fit
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import Centre, PooledFeature
from rtb_optimizer.core.sample.values import UNEXPANDED

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


def test_planted_factors_are_recovered_from_features_that_overlap():
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
    sample = sample_of([0] * 10 + [1] * 10, half=[UNEXPANDED] * 10 + ["b"] * 10)
    factor = fit(sample, {"half": 1}).factors["half"]

    assert dict(zip(sample.features["half"].values, factor.theta, strict=True)) == {
        UNEXPANDED: 1.0,
        "b": pytest.approx(11 / 6),
    }


def test_a_value_that_no_row_has_keeps_factor_1():
    column = replace(HALVES.features["half"], values=("a", "b", "never"))
    sample = replace(HALVES, features={"half": column})

    for link in Link:
        assert fit(sample, {"half": 3}, link).factors["half"].theta[2] == pytest.approx(1.0)


def test_logs_without_any_outcome_give_a_rate_of_0_and_factors_of_1():
    sample = replace(HALVES, outcome=np.zeros(20))
    for link in Link:
        model = fit(sample, {"half": 2}, link)

        assert model.base == 0
        assert list(model.factors["half"].theta) == [1.0, 1.0]


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


@pytest.mark.parametrize("link", Link)
def test_expected_outcomes_add_up_on_either_scale(link):
    sample = planted(base=0.3)
    model = fit(sample, {"site": 8, "device": 8}, link)

    assert (model.rates(sample) * sample.exposure).sum() == pytest.approx(sample.outcome.sum(), rel=1e-9)


def test_on_the_odds_scale_planted_odds_are_recovered_and_no_rate_passes_1():
    draw = np.random.default_rng(4)
    a, b = draw.integers(0, 4, 60_000), draw.integers(0, 3, 60_000)
    odds = np.array([0.2, 1.0, 2.0, 8.0])[a] * np.array([0.5, 1.0, 3.0])[b]
    sample = sample_of((draw.random(60_000) < odds / (1 + odds)).astype(float), fold=a % 2, a=a, b=b)
    model = fit(sample, {"a": 1, "b": 1}, Link.LOGIT)

    theta = {name: factor.theta for name, factor in model.factors.items()}
    assert theta["a"] / theta["a"][1] == pytest.approx([0.2, 1.0, 2.0, 8.0], rel=0.12)
    assert theta["b"] / theta["b"][1] == pytest.approx([0.5, 1.0, 3.0], rel=0.12)
    assert model.rates(sample).max() < 1


@pytest.mark.parametrize("link", Link)
def test_correlated_features_are_fitted_until_their_factors_settle(link):
    """Two features that mostly agree share one effect: backfitting by rounds alone needs dozens."""
    draw = np.random.default_rng(6)
    a = draw.integers(0, 8, 40_000)
    b = np.where(draw.random(40_000) < 0.9, a, draw.integers(0, 8, 40_000))
    odds = np.exp(0.5 * draw.normal(size=8)[a] + 0.5 * draw.normal(size=8)[b] - 2)
    sample = sample_of((draw.random(40_000) < odds / (1 + odds)).astype(float), fold=a % 2, a=a, b=b)
    rounds = Fitting(sample, link)
    for name in ("a", "b"):
        rounds.add(name, sample.features[name], 1)
    rounds.backfit(2)
    twice = rounds.model().rates(sample)
    rounds.backfit(300)
    settled, rates = rounds.model().rates(sample), fit(sample, {"a": 1, "b": 1}, link).rates(sample)

    def apart(one):
        return float(np.abs(np.log(one / settled)).max())

    assert apart(twice) > 0.05
    assert apart(rates) < 0.02


def test_where_outcomes_are_rare_both_scales_give_one_model():
    sample = planted(base=0.002, rows=60_000)
    log, odds = (fit(sample, {"site": 8, "device": 8}, link) for link in Link)

    assert odds.rates(sample) == pytest.approx(log.rates(sample), rel=0.01)


@pytest.mark.parametrize("link", Link)
def test_factors_without_outcomes_are_those_of_other_entities_and_leave_them_as_outcomes_come(link):
    """Other entities say that site 7 is six times site 0, as sure as 100 outcomes each; here it is eight times."""
    told = np.exp(np.linspace(-np.log(6) / 2, np.log(6) / 2, 8))
    pooled = {"site": PooledFeature(5, 0.01, 0.3, {f"site{n}": Centre(of, 100.0) for n, of in enumerate(told)})}
    ratios = []
    for rows in (40, 2_000, 400_000):
        theta = fit(planted(rows=rows, seed=5, base=0.02), {"site": 4}, link, pooled).factors["site"].theta
        ratios.append(theta[-1] / theta[0])

    assert ratios[0] == pytest.approx(6, rel=0.15)
    assert 5 < ratios[1] < 8.5
    assert ratios[2] == pytest.approx(8, rel=0.1)


def test_values_that_other_entities_do_not_know_shrink_to_1_by_their_own_prior():
    pooled = {"half": PooledFeature(5, 0.01, 0.3, {"a": Centre(0.5, 1e6)})}
    factors = fit(HALVES, {"half": 1e9}, Link.LOG, pooled).factors["half"]

    assert factors.theta[1] == pytest.approx(1.0, abs=1e-6)
    assert factors.centre[1] == 1.0
