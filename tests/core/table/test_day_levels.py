"""Money of another unit, and exposures that were thinned, on some days of a value; days that vary by themselves."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.table.day_levels import day_levels

DAYS, SELLERS, ROWS = 7, 10, 100
SHAPE = (SELLERS, DAYS)
WORLDS = 40


class World:
    """Sellers by day with exposures, clicks and cost, that vary by themselves from day to day (S x D each)."""

    def __init__(self, seed=1, drift=0.1):
        draw = np.random.default_rng(seed)
        self.draw = draw
        size, rate, price = (np.exp(draw.normal(0, 0.5, (SELLERS, 1))) for _ in range(3))
        vary = [np.exp(draw.normal(0, drift, SHAPE)) for _ in range(3)]
        self.exposure = 4_000 * size * vary[0]
        self.outcome = draw.poisson(self.exposure * np.minimum(0.05 * rate * vary[1], 1)).astype(float)
        self.cost = self.exposure * price * vary[2]

    def told(self, **config):
        """The warnings of each seller's day in as many rows of uneven money."""
        seller, day, _ = np.indices((*SHAPE, ROWS))
        parts = (np.repeat(of.reshape(-1), ROWS) / ROWS for of in (self.outcome, self.exposure, self.cost))
        outcome, exposure, cost = parts
        sample = sample_of(outcome, np.zeros(len(outcome), dtype=int), exposure, seller=seller.reshape(-1))
        sample = replace(sample, spend=cost * np.exp(self.draw.normal(0, 0.5, len(cost))))
        dates = np.datetime64("2026-03-01") + day.reshape(-1).astype("timedelta64[D]")
        found = day_levels(sample, ["seller"], dates, **{"has_cost": True, "is_money": False} | config)
        return {each.code: each.message for each in found}


@pytest.mark.parametrize(
    ("days", "named"),
    [([6], "2026-03-07"), ([2], "2026-03-03"), ([5, 6], "2026-03-06 to 2026-03-07")],
    ids=["the last day", "a day amid", "from a day on"],
)
def test_a_seller_whose_price_is_twenty_times_what_it_is_on_other_days_is_named(days, named):
    world = World()
    world.cost[3, days] *= 20
    told = world.told()

    assert list(told) == ["price_moves"]
    assert told["price_moves"].startswith(f"seller=3 on {named} costs ")


def test_a_whole_day_of_another_unit_is_named_with_how_many_values_have_it():
    world = World()
    world.cost[:, 6] /= 100

    assert ", as do 9 more of seller: another unit" in world.told()["price_moves"]


def test_money_that_is_earned_is_looked_at_where_outcomes_are_money():
    world = World()
    world.outcome[3, 6] *= 20

    assert list(world.told(is_money=True, has_cost=False)) == ["worth_moves"]
    assert world.told(has_cost=False) == {}


def test_a_seller_that_keeps_its_clicks_and_a_tenth_of_the_rest_is_named():
    world = World()
    world.exposure[3, 6] = world.outcome[3, 6] + (world.exposure[3, 6] - world.outcome[3, 6]) / 10

    assert world.told(has_cost=False)["exposures_thinned"].startswith("seller=3 on 2026-03-07 has 0.1")


def test_a_seller_that_has_a_tenth_of_its_traffic_is_no_news():
    world = World()
    for of in (world.exposure, world.outcome, world.cost):
        of[3, 6] /= 10

    assert world.told() == {}


def test_one_large_payment_is_no_change_of_unit():
    sample = sample_of(np.ones(3_000), np.zeros(3_000, dtype=int), seller=np.arange(3_000) % 2)
    spend = np.ones(3_000)
    spend[0] = 1e6
    dates = np.datetime64("2026-03-01") + (np.arange(3_000) // 1_000).astype("timedelta64[D]")

    assert day_levels(replace(sample, spend=spend), ["seller"], dates, has_cost=True, is_money=False) == []


def test_two_days_say_nothing_of_each_other():
    world = World()
    sample = sample_of(np.ones(200), np.zeros(200, dtype=int), seller=np.zeros(200))
    dates = np.datetime64("2026-03-01") + (np.arange(200) // 100).astype("timedelta64[D]")
    spend = np.where(np.arange(200) < 100, 1.0, 100.0)

    assert world.told() == {}
    assert day_levels(replace(sample, spend=spend), ["seller"], dates, has_cost=True, is_money=False) == []


@pytest.mark.parametrize("drift", [0.1, 0.2, 0.4])
def test_sellers_that_vary_by_themselves_from_day_to_day_are_hardly_ever_named(drift):
    alarms = sum(bool(World(seed, drift).told()) for seed in range(WORLDS))

    assert alarms <= 0.03 * WORLDS
