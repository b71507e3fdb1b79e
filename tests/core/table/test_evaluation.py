"""A model is evaluated on rows that it never saw, read as a bidder reads the table."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import SITE_FACTORS, planted, sample_of
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import Centre, PooledFeature
from rtb_optimizer.core.selection.interactions import InteractionRules, detect
from rtb_optimizer.core.selection.select import Selection, SelectionRules, select
from rtb_optimizer.core.table.evaluation import deviance_gain, evaluate
from rtb_optimizer.core.table.replay import product_of_rows
from v3_settings import v3_settings

RULES = SelectionRules(max_features=8, min_signal_score=0.0005, min_z=3, min_positives=50, leak_score=0.25)
TABLES = v3_settings(joint_min_exposures=50).table_rules
HALVES = sample_of([0] * 10 + [1] * 10, half=["a"] * 10 + ["b"] * 10)


def evaluated(sample, candidates=("site", "device", "noise"), link=Link.LOG):
    holdout = sample.fold == 4
    training = sample.where(~holdout)
    selection = select(training, candidates, [], RULES, link)
    interactions = detect(training, selection.priors, InteractionRules(8, 0.0005, 5), link)
    whole = Selection(selection.chosen, selection.rejected, interactions)
    return evaluate(sample, holdout, whole, link, TABLES)


@pytest.mark.parametrize("link", Link)
def test_planted_signal_gains_on_the_hold_out(link):
    evaluation = evaluated(planted(base=0.1), link=link)

    assert evaluation.gain > 0.03
    assert evaluation.outcomes == planted(base=0.1).outcome[planted(base=0.1).fold == 4].sum()
    assert evaluation.level == pytest.approx(1, abs=0.1)


def test_without_signal_there_is_no_gain():
    assert evaluated(planted(), ["noise"]).gain == 0.0


def test_a_model_that_is_wrong_on_the_hold_out_loses_there():
    sample = planted(rows=40_000)
    turned = np.where(sample.fold == 4, 7 - sample.features["site"].codes, sample.features["site"].codes)
    features = {**sample.features, "site": type(sample.features["site"])(turned, sample.features["site"].values)}
    turned_sample = type(sample)(sample.exposure, sample.outcome, sample.spend, sample.fold, features)

    assert evaluated(turned_sample, ["site"]).gain < -0.02


def test_tenths_of_the_exposures_are_calibrated_and_add_up():
    evaluation = evaluated(planted(rows=60_000))

    assert [part["decile"] for part in evaluation.calibration] == list(range(1, 11))
    assert sum(part["outcome"] for part in evaluation.calibration) == evaluation.outcomes
    assert sum(part["expected"] for part in evaluation.calibration) == pytest.approx(evaluation.outcomes)
    for part in evaluation.calibration:
        assert part["outcome"] == pytest.approx(part["expected"], abs=4 * np.sqrt(part["expected"]))
    rates = [part["expected"] / part["exposure"] for part in evaluation.calibration]
    assert rates == sorted(rates)


def test_the_best_exposures_hold_more_than_their_share_of_the_outcomes():
    lift = evaluated(planted()).lift

    assert (lift[0]["outcome_share"], lift[-1]["outcome_share"]) == (0, 1)
    assert all(point["outcome_share"] >= point["exposure_share"] for point in lift)
    assert max(point["outcome_share"] - point["exposure_share"] for point in lift) > 0.2


def test_joint_tables_of_more_keys_keep_more_of_the_gain():
    evaluation = evaluated(planted(rows=60_000))

    assert [loss["keys"] for loss in evaluation.joint] == [1, 2]
    assert [loss["rows"] for loss in evaluation.joint] == [
        1 + 8,
        1 + 8 + 8 * 3,
    ]  # the default, each site, each of its devices
    assert 0 < evaluation.joint[0]["gain"] < evaluation.joint[1]["gain"]
    assert evaluation.joint[1]["gain"] == pytest.approx(evaluation.gain, rel=0.1)


def test_the_replay_spends_the_same_and_earns_more():
    even, ours = evaluated(planted()).replay

    assert (even["name"], even["change"], ours["name"]) == ("all ones", 0.0, "this run")
    assert ours["spend"] == pytest.approx(even["spend"], rel=1e-6)
    assert ours["change"] > 0.1


def test_rates_that_are_right_gain_and_rates_that_are_wrong_lose():
    right, wrong = np.where(HALVES.outcome > 0, 0.9, 0.1), np.where(HALVES.outcome > 0, 0.1, 0.9)

    assert deviance_gain(HALVES, right, Link.LOG) == pytest.approx(10 * np.log(1.8) / (10 * (1 + np.log(2))))
    assert deviance_gain(HALVES, right, Link.LOGIT) == pytest.approx(20 * np.log(1.8) / (20 * np.log(2)))
    assert deviance_gain(HALVES, wrong, Link.LOG) < 0
    assert deviance_gain(HALVES, np.full(20, 0.5), Link.LOGIT) == 0


def test_a_model_that_expects_nothing_gains_nothing():
    assert deviance_gain(HALVES, np.zeros(20), Link.LOG) == 0.0
    assert deviance_gain(sample_of([0.0] * 20), np.full(20, 0.5), Link.LOG) == 0.0


def test_the_active_run_is_replayed_beside_ours():
    sample = planted(rows=40_000)
    holdout = sample.fold == 4
    selection = select(sample.where(~holdout), ["site", "device"], [], RULES)
    good = {frozenset({("site", "site7")}): 2.0, frozenset({("gone", "x")}): 3.0}
    evaluation = evaluate(sample, holdout, selection, Link.LOG, TABLES, good).replay

    assert [policy["name"] for policy in evaluation] == ["all ones", "active run", "this run"]
    assert 0 < evaluation[1]["change"] < evaluation[2]["change"]
    assert evaluation[1]["spend"] == pytest.approx(evaluation[0]["spend"], rel=1e-6)


def test_a_table_bids_by_the_rows_that_match_alone_or_together():
    sample = sample_of([0.0] * 4, fold=[0] * 4, a=["x", "x", "y|", "y|"], b=["1", "2", "1", "2"])
    multipliers = {
        frozenset({("a", "x")}): 2.0,
        frozenset({("b", "1"), ("a", "y|")}): 0.5,
        frozenset({("a", "never seen")}): 9.0,
    }

    assert list(product_of_rows(multipliers, sample)) == [2.0, 2.0, 0.5, 1.0]


@pytest.mark.parametrize(("of_the_day", "least", "most"), [(0.0, 0.97, 1.03), (0.6, 0.7, 0.9)])
def test_effects_that_change_from_day_to_day_make_the_table_flatter_and_it_says_so(of_the_day, least, most):
    draw, rows = np.random.default_rng(8), 5_000
    place, day = draw.integers(0, 100, rows), np.arange(rows) % 5
    effect = draw.normal(0, 0.6, 100) + of_the_day * draw.normal(0, 1, (5, 100))
    exposure = np.full(rows, 2_000)
    outcome = draw.binomial(exposure, np.minimum(0.03 * np.exp(effect[day, place]), 1))

    assert least < evaluated(sample_of(outcome, fold=day, exposure=exposure, place=place), ["place"]).slope < most


def test_a_hold_out_of_weaker_effects_is_one_day_among_others():
    sample, draw = planted(rows=60_000), np.random.default_rng(8)
    rate = 0.06 * np.sqrt(SITE_FACTORS[sample.features["site"].codes])
    weaker = np.where(sample.fold == 4, draw.random(60_000) < rate, sample.outcome > 0).astype(float)

    assert 0.85 < evaluated(replace(sample, outcome=weaker), ["site"]).slope < 0.97


@pytest.mark.parametrize(("direction", "passes"), [(1, True), (-1, False)])
def test_what_other_entities_know_is_judged_alone_by_all_rows_and_by_the_lower_bound_of_its_gain(direction, passes):
    few = planted(rows=3_000)
    centres = {f"site{n}": Centre(of**direction, 50.0) for n, of in enumerate(SITE_FACTORS)}
    rules = replace(RULES, min_positives=1_000, pooled={"site": PooledFeature(5, 0.01, 0.3, centres)})
    holdout = few.fold == 4
    selection = select(few.where(~holdout), ["noise"], ["site"], replace(rules, pooled=rules.pooled))
    evaluation = evaluate(few, holdout, selection, Link.LOG, TABLES)

    assert (evaluation.pooled_gain is not None and 0 < evaluation.pooled_gain < 0.2) == passes
    if passes:
        assert evaluation.gain_at_most > evaluation.gain
    assert evaluated(few, ["site"]).pooled_gain is None
