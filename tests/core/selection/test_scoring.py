"""A score is what a feature is worth on rows that its factors were not learnt from."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import FOLDS, feature, planted, plug_in_information, reordered, sample_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.model.link import Link, baseline_deviance
from rtb_optimizer.core.selection.scoring import PRIORS, cross_fitted_gain


def gain_of(sample, name, priors=PRIORS):
    sample = sample.by_fold()
    expected = sample.exposure * sample.outcome.sum() / sample.exposure.sum()
    return cross_fitted_gain(sample.features[name], sample, expected, priors=priors)


def score(sample, name, priors=PRIORS):
    return gain_of(sample, name, priors).nats / baseline(sample)


def baseline(sample):
    return baseline_deviance(sample.outcome.sum(), sample.exposure.sum(), Link.LOG)


def test_planted_signal_scores_high_and_significantly():
    sample = planted()

    assert score(sample, "site") > 0.03
    assert gain_of(sample, "site").z > 10
    assert score(sample, "site") > score(sample, "device") > 0.005


@pytest.mark.parametrize("name", ["site", "noise", "random_id"])
def test_a_gain_is_what_the_formula_says_value_by_value(name):
    """On days of other levels and sizes, each complement calibrated by itself, the mean factor taken out of each."""
    sample = planted(rows=6_000)
    keep = np.random.default_rng(5).random(6_000) < np.where(sample.outcome > 0, 1 - 0.2 * sample.fold, 1)
    sample = sample.where(keep)
    expected, codes, prior = sample.exposure * 0.07, sample.features[name].codes, 4.0
    nats = by_outcomes = by_factors = 0.0
    for fold in range(FOLDS):
        mine, others = sample.fold == fold, sample.fold != fold
        level = sample.outcome[others].sum() / expected[others].sum()
        factors = {
            code: (sample.outcome[others & (codes == code)].sum() + prior)
            / (expected[others & (codes == code)].sum() * level + prior)
            for code in np.unique(codes)
        }
        factor = np.array([factors[code] for code in codes[mine]])
        logs = np.log(factor / (expected[mine] * factor).sum() * expected[mine].sum())
        nats += (sample.outcome[mine] * logs).sum()
        by_outcomes += (sample.outcome[mine] * logs**2).sum()
        after = expected[mine] * np.exp(logs)
        by_factors += (after * logs**2).sum() * sample.outcome[mine].sum() / after.sum()

    gain = cross_fitted_gain(sample.features[name], sample, expected, priors=[prior])

    assert gain.nats == pytest.approx(nats, rel=1e-9)
    assert gain.standard_error == pytest.approx(np.sqrt(max(by_outcomes, by_factors)), rel=1e-9)


@pytest.mark.parametrize("rate", [0.05, 0.3], ids=["rare", "not rare"])
@pytest.mark.parametrize("link", list(Link))
def test_a_rare_value_that_has_no_outcome_by_chance_is_not_significant(link, rate):
    """No outcome is no evidence of a small error: three are expected, and there is none in one column of twenty."""
    rows, draw = 5_000, np.random.default_rng(3)
    outcome, fold = (draw.random(rows) < rate).astype(float), draw.integers(0, FOLDS, rows)
    flag = np.zeros(rows, int)
    flag[np.flatnonzero(outcome == 0)[: round(3 / rate)]] = 1
    sample = sample_of(outcome, fold=fold, flag=flag)

    gain = cross_fitted_gain(sample.features["flag"], sample, np.full(rows, outcome.mean()), link)

    assert gain.nats > 0.5
    assert gain.z < 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["noise", "random_id"])
def test_noise_scores_about_nothing(name, seed):
    sample = planted(seed)

    assert score(sample, name) < 0.0005
    assert gain_of(sample, name).z < 3


@pytest.mark.parametrize("seed", range(3))
def test_a_random_id_that_plug_in_information_ranks_first_is_ranked_last(seed):
    sample, names = planted(seed), ["site", "device", "noise", "random_id"]

    plug_in = {name: plug_in_information(sample.features[name], sample.outcome) for name in names}
    assert max(plug_in, key=plug_in.get) == "random_id"
    assert plug_in["random_id"] > 2 * plug_in["site"]
    assert score(sample, "random_id") < 0.01 * score(sample, "site")


def test_an_id_that_knows_each_row_by_heart_gains_nothing_out_of_fold():
    sample = planted(rows=2_000)
    own = feature([f"row{n}" for n in range(2_000)])

    assert cross_fitted_gain(own, sample, np.full(2_000, 0.06)).nats == pytest.approx(0, abs=1e-9)


def test_a_feature_that_only_distinguishes_the_folds_gains_nothing():
    draw = np.random.default_rng(2)
    fold = draw.integers(0, FOLDS, 20_000)
    sample = sample_of(draw.random(20_000) < 0.02 * (1 + fold), fold=fold, day=fold)

    assert gain_of(sample, "day").nats == pytest.approx(0, abs=1e-6)


def test_a_constant_gains_exactly_nothing():
    sample = planted(rows=2_000)

    gain = cross_fitted_gain(feature(["x"] * 2_000), sample, np.full(2_000, 0.1))
    assert gain.nats == pytest.approx(0, abs=1e-9)


def test_a_level_that_is_wrong_as_a_whole_is_no_gain():
    sample = planted()
    expected = np.full(len(sample.outcome), sample.outcome.mean())

    gains = [cross_fitted_gain(sample.features["site"], sample, f * expected) for f in (1, 3)]
    assert gains[1].nats == pytest.approx(gains[0].nats, rel=0.02)


def test_a_copy_of_a_feature_gains_nothing_over_it():
    sample = planted()
    expected = sample.exposure * fit(sample, {"site": 4}).rates(sample)
    gain = cross_fitted_gain(sample.features["site_copy"], sample, expected)

    assert gain.nats / baseline(sample) < 0.0005
    assert score(sample, "site_copy") == pytest.approx(score(sample, "site"))


def test_the_prior_is_the_one_of_the_grid_that_gains_most():
    sample = planted()
    best = gain_of(sample, "random_id")

    assert best.nats == max(gain_of(sample, "random_id", [prior]).nats for prior in PRIORS)
    assert best.prior == PRIORS[-1]
    assert gain_of(sample, "site").prior < PRIORS[-1]


def test_too_small_a_prior_on_a_random_id_loses_and_the_loss_is_shown():
    assert score(planted(), "random_id", [1]) < -0.01


def test_the_order_of_rows_and_the_names_of_folds_change_no_score():
    sample = planted()
    shuffled = reordered(sample, np.random.default_rng(9).permutation(len(sample.outcome)))

    for name in sample.features:
        one, other = gain_of(sample, name), gain_of(replace(shuffled, fold=shuffled.fold * 7 + 3), name)
        assert other.nats == pytest.approx(one.nats, rel=1e-9, abs=1e-9)
        assert other.prior == one.prior


def test_a_weight_counts_as_that_many_rows_of_one_fold():
    sample = planted(rows=4_000)
    weight = np.random.default_rng(1).integers(1, 4, 4_000)
    weighted = replace(sample, exposure=sample.exposure * weight, outcome=sample.outcome * weight)
    repeated = reordered(sample, np.repeat(np.arange(4_000), weight))

    one, other = gain_of(weighted, "site"), gain_of(repeated, "site")

    assert (one.nats, one.standard_error) == pytest.approx((other.nats, other.standard_error), rel=1e-9)


def test_nothing_to_learn_from_scores_nothing():
    sample = sample_of([0.0] * 20, x=["a", "b"] * 10)
    gain = gain_of(sample, "x")

    assert (gain.nats, gain.z) == (0, 0)


@pytest.mark.parametrize("base", [0.06, 0.3])
def test_on_the_odds_scale_signal_gains_as_much_and_noise_as_little(base):
    sample = planted(base=base)
    expected = np.full(len(sample.outcome), sample.outcome.mean())
    deviance = baseline_deviance(sample.outcome.sum(), len(sample.outcome), Link.LOGIT)

    scores = {
        name: cross_fitted_gain(sample.features[name], sample, expected, Link.LOGIT).nats / deviance
        for name in ("site", "device", "noise", "random_id")
    }
    assert scores["site"] > 0.03
    assert scores["site"] > scores["device"] > 0.005
    assert max(scores["noise"], scores["random_id"]) < 0.001


def test_where_outcomes_are_rare_both_scales_give_one_score():
    sample = planted(base=0.003, rows=60_000)
    expected = np.full(len(sample.outcome), sample.outcome.mean())
    log, odds = (cross_fitted_gain(sample.features["site"], sample, expected, link) for link in Link)

    assert odds.nats == pytest.approx(log.nats, rel=0.02)


def test_the_odds_gain_is_about_and_never_more_than_what_rows_gain_one_by_one():
    """A cell's rows are taken as alike, which is the least they can gain: checked against the rows themselves."""
    sample = planted(base=0.2)
    before = fit(sample, {"device": 1}, Link.LOGIT)
    rates = before.rates(sample)
    gain = cross_fitted_gain(sample.features["site"], sample, rates * sample.exposure, Link.LOGIT, priors=[8])
    by_row = 0.0
    for block in sample.blocks:
        rest = sample.at(np.r_[0 : block.start, block.stop : len(rates)])
        both = fit(rest, {"device": 1, "site": 8}, Link.LOGIT).rates(sample)[block]
        k, old = sample.outcome[block], rates[block]
        by_row += float((k * np.log(both / old) + (1 - k) * np.log((1 - both) / (1 - old))).sum())

    assert 0.85 * by_row < gain.nats < 1.02 * by_row


def strong_column(base, seed=1, rows=60_000):
    """Rows whose log odds follow a column of eight values, with a base rate as given, and the rates of the values."""
    draw = np.random.default_rng(seed)
    code, effect, level = draw.integers(0, 8, rows), draw.normal(0, 1, 8), 0.0
    for _ in range(50):
        rate = 1 / (1 + np.exp(-level - effect))
        level += np.log(base / (1 - base)) - np.log(rate[code].mean() / (1 - rate[code].mean()))
    return sample_of((draw.random(rows) < rate[code]).astype(float), column=code)


@pytest.mark.parametrize("base", [0.05, 0.2, 0.5, 0.8, 0.95])
def test_at_any_base_rate_a_strong_column_scores_the_binomial_deviance_it_explains_exactly(base):
    sample = strong_column(base)
    codes, outcome, mean = sample.features["column"].codes, sample.outcome, sample.outcome.mean()
    rate = (np.bincount(codes, outcome) / np.bincount(codes))[codes]
    exact = (outcome * np.log(rate / mean) + (1 - outcome) * np.log((1 - rate) / (1 - mean))).sum()

    gain = cross_fitted_gain(sample.features["column"], sample, np.full(len(outcome), mean), Link.LOGIT)

    assert gain.nats == pytest.approx(exact, abs=15)  # seven factors, each learnt from other rows than it is scored on
    assert exact > 200


@pytest.mark.parametrize("base", [0.05, 0.5, 0.95])
def test_the_error_of_a_gain_on_the_odds_scale_is_that_of_samples_drawn_again(base):
    gains = [
        cross_fitted_gain(s.features["column"], s, np.full(len(s.outcome), s.outcome.mean()), Link.LOGIT)
        for s in (redrawn(strong_column(base, rows=8_000), seed) for seed in range(150))
    ]
    errors = np.array([gain.standard_error for gain in gains])

    assert np.std([gain.nats for gain in gains]) == pytest.approx(errors.mean(), rel=0.35)


def redrawn(sample, seed):
    """The same rows with outcomes drawn again, at the rates of the values."""
    codes = sample.features["column"].codes
    rate = np.bincount(codes, sample.outcome) / np.bincount(codes)
    return replace(sample, outcome=(np.random.default_rng(seed).random(len(codes)) < rate[codes]).astype(float))


def test_what_outcomes_and_their_absence_score_is_the_same():
    """Odds are symmetric: whether a row was seen or was not seen explains as much."""
    sample = strong_column(0.7)
    absence = replace(sample, outcome=1 - sample.outcome)
    one, other = (
        cross_fitted_gain(s.features["column"], s, np.full(len(s.outcome), s.outcome.mean()), Link.LOGIT)
        for s in (sample, absence)
    )

    assert one.nats == pytest.approx(other.nats, rel=1e-3)


def test_with_an_outcome_in_every_row_or_in_none_nothing_is_gained():
    for outcome in (np.ones(200), np.zeros(200)):
        sample = sample_of(outcome, x=["a", "b"] * 100)
        gain = cross_fitted_gain(sample.features["x"], sample, np.full(200, outcome.mean()), Link.LOGIT)

        assert gain.nats == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("base", [0.5, 0.8])
@pytest.mark.parametrize("thinned", ["outcomes", "their absence"])
def test_noise_of_thinned_logs_is_not_significant_on_the_odds_scale(base, thinned):
    """One of four rows of a kind is left and counts four times: it is evidence of one."""
    z = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        outcome = draw.random(6_000) < base
        is_thinned = outcome if thinned == "outcomes" else ~outcome
        kept = np.flatnonzero(~is_thinned | (draw.random(6_000) < 0.25))
        weight = np.where(is_thinned, 4.0, 1.0)[kept]
        sample = sample_of(outcome[kept] * weight, exposure=weight, x=draw.integers(0, 20, len(kept)))
        expected = sample.exposure * sample.outcome.sum() / sample.exposure.sum()
        z.append(cross_fitted_gain(sample.features["x"], sample, expected, Link.LOGIT).z)

    assert max(z) < 2.25
    assert np.mean(z) < 0.5
