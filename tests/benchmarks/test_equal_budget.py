"""Multipliers win what their table's predictions win, and lose nothing where nothing is significant."""

import numpy as np
import pytest

SHARES = (1 / 2, 1 / 8, 1 / 32)


@pytest.fixture(scope="module")
def worlds(script):
    return script("small_worlds")


@pytest.fixture(scope="module")
def equal_budget(script):
    return script("equal_budget")


def won(equal_budget, nights, anchors=()):
    bids, _ = equal_budget.policies(nights, anchors)
    return equal_budget.over_flat(nights, bids)


@pytest.mark.parametrize(("outcomes", "rate"), [(1_000, 0.003), (2_000, 0.1), (4_000, 0.4)])
def test_a_small_world_has_its_outcomes_at_its_rate(worlds, outcomes, rate):
    nights = worlds.small_world(1, worlds.Plan(outcomes, rate))
    logged = nights.sample.fold < nights.unseen
    k, n = (of[logged].sum() for of in (nights.sample.outcome, nights.sample.exposure))

    assert k == pytest.approx(outcomes, rel=0.12)
    assert k / n == pytest.approx(rate, rel=0.12)
    assert nights.auctions.outcomes.mean() == pytest.approx(rate, rel=0.05)
    assert len(nights.auctions.price) == (~logged).sum()


def test_the_same_seed_draws_the_same_world_and_another_seed_another(worlds):
    once, again, other = (worlds.small_world(seed, worlds.Plan(200, 0.02)) for seed in (1, 1, 2))

    assert once.auctions.price.tolist() == again.auctions.price.tolist() != other.auctions.price.tolist()


@pytest.mark.parametrize(("outcomes", "rate", "quality"), [(2_000, 0.003, 0.0), (2_000, 0.003, 0.4), (4_000, 0.4, 0.0)])
def test_default_multipliers_keep_90_percent_of_what_predictions_win_and_the_former_rule_less(
    worlds, equal_budget, outcomes, rate, quality
):
    nights = worlds.small_world(1, worlds.Plan(outcomes, rate, quality=quality))
    kept = equal_budget.kept([won(equal_budget, nights)])

    for share in SHARES:
        assert kept["default", share] >= 0.9
        assert kept["default", share] > kept["narrow_cautious", share]


def test_anchors_that_say_nothing_cost_no_more_than_under_the_cautious_rule(worlds, equal_budget):
    plan, anchors = worlds.Plan(200, 0.003, effects=0.0), ("site", "noise_user")
    nights = [won(equal_budget, worlds.small_world(seed, plan), anchors) for seed in (101, 102, 103)]

    assert [night["default", share] for night in nights for share in SHARES] == [
        night["cautious", share] for night in nights for share in SHARES
    ]
    least = {rule: min(night[rule, 1 / 32] for night in nights) for rule in ("default", "predicted")}
    assert least["predicted"] < 0.96
    assert least["default"] > 0.98


def test_where_nothing_is_selected_all_bids_are_flat(worlds, equal_budget):
    bids, _ = equal_budget.policies(worlds.small_world(100, worlds.Plan(60, 0.003, effects=0.0)))

    assert all(np.ptp(of) == 0 for of in bids.values())
