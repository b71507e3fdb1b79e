"""A replay spends its budget, no more, and buys what a hand would buy."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def replay(script):
    return script("replay")


@pytest.fixture
def auctions(replay):
    """Four auctions at 1, 2, 3 and 4, with an outcome in the second and the fourth."""
    return replay.Auctions(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 1.0]))


def bought(replay, auctions, multipliers, share):
    of = {"flat": np.ones(len(auctions.price)), "tried": np.array(multipliers)}
    return {b.policy: b for b in replay.replayed(auctions, of, [share])}


def test_the_flat_policy_buys_the_cheapest(replay, auctions):
    flat = bought(replay, auctions, [1.0] * 4, 0.3)["flat"]

    assert (flat.base, flat.spend, flat.won, flat.outcomes, flat.over_flat) == (2, 3, 2, 1, 1)


def test_a_policy_that_knows_outcomes_buys_them(replay, auctions):
    """At a base of 1 it bids 3 and 4 for the second and the fourth: the whole budget of 6 goes there."""
    tried = bought(replay, auctions, [0.1, 3.0, 0.1, 4.0], 0.6)["tried"]

    assert tried.base == 1
    assert (tried.spend, tried.won, tried.outcomes) == (6, 2, 2)
    assert tried.over_flat == 2, "flat spends 6 on the first three"


def test_only_the_ratios_of_multipliers_count(replay, auctions):
    once, tenfold = (bought(replay, auctions, of, 0.6)["tried"] for of in ([0.1, 3, 0.1, 4], [1, 30, 1, 40]))

    assert tenfold.outcomes == once.outcomes
    assert tenfold.base == pytest.approx(once.base / 10)


def test_the_auction_at_the_edge_of_the_budget_is_won_in_part(replay, auctions):
    flat = bought(replay, auctions, [1.0] * 4, 0.2)["flat"]

    assert (flat.base, flat.spend) == (2, 2)
    assert (flat.won, flat.outcomes) == (1.5, 0.5)


def test_auctions_won_at_one_base_are_won_together_whatever_their_order(replay):
    price, outcomes = np.ones(4), np.array([1.0, 0.0, 0.0, 0.0])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        flat = bought(replay, replay.Auctions(price[order], outcomes[order]), [1.0] * 4, 0.5)["flat"]

        assert (flat.won, flat.outcomes) == (2, 0.5)


def test_a_multiplier_scales_the_logged_bid_where_there_is_one(replay):
    auctions = replay.Auctions(np.array([1.0, 1.0]), np.array([0.0, 1.0]), bid=np.array([1.0, 3.0]))
    tried = bought(replay, auctions, [1.0, 1.0], 0.5)["tried"]

    assert (tried.base, tried.outcomes) == (pytest.approx(1 / 3), 1)


def test_an_auction_of_a_weight_costs_and_counts_as_so_many(replay):
    price, outcomes = np.array([1.0, 2.0, 3.0]), np.array([0.0, 4.0, 1.0])
    weighted = replay.Auctions(price, outcomes, weight=np.array([2.0, 4.0, 1.0]))
    apart = replay.Auctions(np.repeat(price, [2, 4, 1]), np.repeat([0.0, 1.0, 1.0], [2, 4, 1]))

    for share in (0.2, 0.5, 1.0):
        once = bought(replay, weighted, [1.0, 1.0, 4.0], share)["tried"]
        many = bought(replay, apart, np.repeat([1.0, 1.0, 4.0], [2, 4, 1]), share)["tried"]
        assert (once.spend, once.won, once.outcomes) == pytest.approx((many.spend, many.won, many.outcomes))


def test_what_has_no_multiplier_is_never_won(replay, auctions):
    tried = bought(replay, auctions, [1.0, 1.0, 0.0, 0.0], 0.6)["tried"]

    assert (tried.spend, tried.won, tried.outcomes) == (3, 2, 1)


def test_a_plain_bisection_finds_the_same(replay):
    draw = np.random.default_rng(4)
    price, multipliers = draw.exponential(1.0, 5_000), np.exp(0.5 * draw.normal(size=5_000))
    auctions = replay.Auctions(price, (draw.random(5_000) < 0.1).astype(float))
    result = bought(replay, auctions, multipliers, 1 / 8)["tried"]
    low, high = 0.0, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        spent = price[middle * multipliers >= price].sum()
        low, high = (middle, high) if spent <= price.sum() / 8 else (low, middle)

    assert result.spend == pytest.approx(price.sum() / 8)
    assert result.base == pytest.approx(low, rel=1e-3)
    assert result.outcomes == pytest.approx(auctions.outcomes[low * multipliers >= price].sum(), abs=1)


def test_policies_are_relative_to_a_mean_of_one(replay):
    policies = replay.policies(np.array([2.0, 0.5]), {"lightgbm": np.array([0.03, 0.01])})

    assert list(policies) == ["flat", "table", "lightgbm"]
    assert policies["lightgbm"].tolist() == pytest.approx([1.5, 0.5])


def test_the_table_has_a_line_for_each_budget_and_policy(replay, auctions):
    lines = replay.table(list(replay.replayed(auctions, {"flat": np.ones(4)}))).splitlines()

    assert len(lines) == 2 + len(replay.SHARES)
    assert lines[2].startswith("| 0.5 | flat |")
