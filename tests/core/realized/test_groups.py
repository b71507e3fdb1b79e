"""Who gains and who pays: a group whose outcomes surely fall while the total gains, and no other."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from rtb_optimizer.core.realized.groups import (
    FEATURES,
    MIN_OUTCOMES,
    VALUES,
    changes_by_group,
    groups_of,
    lifts_by_group,
    strongest,
)
from rtb_optimizer.core.sample.sample import Bought, Feature, Sample

COUNTRIES, SITES = 8, 12
ERRORS_ALLOWED = 0.05
WORLDS = 400


@dataclass(frozen=True)
class World:
    """Outcomes of countries on sites, and by what each new bid differs: on the mean by `change` of a country."""

    outcomes: float
    changes: tuple[float, ...]
    bunch: float = 1.3

    def sample(self, seed):
        """Return outcomes in bunches, as users have them, at a bid of 1, and the new bid of each."""
        draw = np.random.default_rng(seed)
        share = draw.gamma(4.0, 0.25, (COUNTRIES, SITES))
        mean = self.outcomes * share / share.sum(axis=1, keepdims=True)
        ratio = np.exp(draw.normal(0, 0.3, (COUNTRIES, SITES)))
        ratio *= (1 + np.array(self.changes)[:, None]) / (mean * ratio).sum(axis=1, keepdims=True) * self.outcomes
        bunches = draw.poisson(mean / self.bunch)
        cells = np.repeat(np.arange(COUNTRIES * SITES), bunches.ravel())
        cells = np.repeat(cells, draw.geometric(1 / self.bunch, len(cells)))
        return sample_of(cells // SITES, cells % SITES), ratio.ravel()[cells]


def sample_of(country, site, outcome=None, **more):
    outcome = np.ones(len(country)) if outcome is None else np.asarray(outcome, dtype=float)
    features = {
        "country": Feature(np.asarray(country), tuple(f"c{n}" for n in range(COUNTRIES))),
        "site": Feature(np.asarray(site), tuple(f"s{n:02d}" for n in range(SITES))),
    }
    return Sample(np.ones(len(outcome)), outcome, np.ones(len(outcome)), np.zeros(len(outcome), int), features, **more)


def payers(world, seed, features=("country",)):
    sample, after = world.sample(seed)
    return {each.group.value for each in changes_by_group(sample, features, np.ones(len(after)), after) if each.pays}


@pytest.mark.parametrize("outcomes", [60, 200, 2_000])
def test_where_no_group_loses_more_than_a_tenth_hardly_any_run_is_warned(outcomes):
    at_the_limit = World(outcomes, (1.0, *[-0.1] * (COUNTRIES - 1)))
    wrong = sum(bool(payers(at_the_limit, seed)) for seed in range(WORLDS))

    assert wrong <= ERRORS_ALLOWED * WORLDS


@pytest.mark.parametrize(("outcomes", "loss", "found"), [(100, -0.4, 0.9), (400, -0.3, 0.95), (2_000, -0.2, 0.95)])
def test_a_group_that_pays_for_the_others_is_found(outcomes, loss, found):
    planted = World(outcomes, (0.3, loss, *[0.1] * (COUNTRIES - 2)))
    named = [payers(planted, seed) for seed in range(WORLDS // 4)]

    assert sum(each == {"c1"} for each in named) >= found * len(named)


def test_where_the_total_loses_too_nobody_pays_for_others():
    all_lose = World(2_000, tuple([-0.3] * COUNTRIES))

    assert payers(all_lose, 1) == set()


def test_a_change_within_a_tenth_is_no_loss_however_sure_it_is():
    sample, _ = World(20_000, tuple([0.0] * COUNTRIES)).sample(1)
    after = np.where(sample.features["country"].codes == 1, 0.95, 1.1)
    found = changes_by_group(sample, ["country"], np.ones(len(after)), after)

    assert found[0].group.value == "c1"
    assert found[0].of_outcomes.high < 0
    assert not any(each.pays for each in found)


def test_the_bounds_hold_for_all_groups_at_once():
    changes = np.linspace(-0.3, 0.4, COUNTRIES)
    world, outside = World(300, tuple(changes)), 0
    for seed in range(WORLDS):
        sample, after = world.sample(seed)
        found = changes_by_group(sample, ["country"], np.ones(len(after)), after)
        truth = {f"c{n}": changes[n] for n in range(COUNTRIES)}
        outside += not all(c.low <= truth[g.value] <= c.high for g, c in ((e.group, e.of_outcomes) for e in found))

    chance = 2 * np.sqrt(ERRORS_ALLOWED * (1 - ERRORS_ALLOWED) * WORLDS)  # of the count of so many worlds
    assert outside <= ERRORS_ALLOWED * WORLDS + chance


def test_what_was_bought_by_the_active_bids_is_what_they_brought():
    """The rows of c0 were bought at half the bid: at a bid of 1 there would be twice as many."""
    country = np.repeat([0, 1], 100)
    bought = Bought(np.where(country == 0, 0.5, 1.0), np.where(country == 0, 0.5, 1.0), 1.0)
    sample = sample_of(country, country, bought=bought)
    found = {
        each.group.value: each
        for each in changes_by_group(sample, ["country"], bought.bid, np.where(country == 0, 1.0, 0.8))
    }

    assert found["c0"].outcomes == pytest.approx(100)
    assert found["c0"].of_outcomes.estimate == pytest.approx(1.0)
    assert found["c1"].of_outcomes.estimate == pytest.approx(-0.2)
    assert found["c1"].of_spend.estimate == pytest.approx(-0.2)
    assert found["c1"].pays


def test_a_group_that_is_not_bid_on_any_more_loses_all():
    country = np.repeat([0, 1], 100)
    found = changes_by_group(sample_of(country, country), ["country"], np.ones(200), np.where(country == 0, 0.0, 2.5))

    assert next((each.group.value, each.of_outcomes.estimate, each.pays) for each in found) == ("c0", -1.0, True)


def test_what_the_active_table_does_not_bid_on_cannot_be_lost():
    country = np.repeat([0, 1], 100)
    found = changes_by_group(sample_of(country, country), ["country"], np.where(country == 0, 0.0, 1.0), np.ones(200))

    assert [each.group.value for each in found] == ["c1"]


def test_a_volume_that_follows_the_square_root_falls_by_less():
    country = np.repeat([0, 1], 100)
    bought = Bought(np.ones(200), np.ones(200), 0.5)
    after = np.where(country == 0, 0.25, 4.0)
    found = changes_by_group(sample_of(country, country, bought=bought), ["country"], np.ones(200), after)

    assert [each.of_outcomes.estimate for each in found] == pytest.approx([-0.5, 1.0])


def test_groups_are_the_largest_values_of_the_strongest_features():
    sizes = [10, *[60 + n for n in range(SITES - 1)]]
    site = np.repeat(np.arange(SITES), sizes)
    found = groups_of(sample_of(site % COUNTRIES, site), ["site"])

    assert len(found) == VALUES
    assert found[0].value == f"s{SITES - 1:02d}"
    assert strongest({"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.0}) == ["b", "c"]
    assert len(strongest({"a": 1.0})) == 1 < FEATURES


@pytest.mark.parametrize(
    ("outcome", "listed"),
    [([1.0] * 60, True), ([1.0] * 40, False), ([60.0], False)],
    ids=["enough outcomes", "too few", "one row of many outcomes"],
)
def test_a_value_with_too_few_outcomes_is_no_group(outcome, listed):
    country = np.zeros(len(outcome), dtype=int)

    assert bool(groups_of(sample_of(country, country, outcome), ["country"])) is listed
    assert MIN_OUTCOMES == 50


def test_outcomes_are_told_in_the_measure_of_the_logs():
    country = np.repeat([0, 1], 100)
    sample = replace(sample_of(country, country), unit=0.5, stands_for=4.0)
    found = changes_by_group(sample, ["country"], np.ones(200), np.ones(200))

    assert [each.outcomes for each in found] == [200.0, 200.0]


def lifts(ratio, outcomes=4_000, held=0.2, days=7, seed=1):
    """Return the lifts of two countries, of which the treated rows of the first bring `ratio` times as much."""
    draw = np.random.default_rng(seed)
    country = draw.integers(0, 2, outcomes * 10)
    control = draw.random(len(country)) < held
    rate = 0.1 * np.where(~control & (country == 0), ratio, 1.0)
    sample = sample_of(country, country, draw.random(len(country)) < rate)
    return {g.value: lift for g, lift in lifts_by_group(sample, ["country"], ~control, control, days)}


def test_a_lift_by_group_is_what_the_treated_brought_of_it_over_the_control():
    found = lifts(0.5)

    assert found["c0"].high < 0
    assert found["c0"].low <= -0.5 <= found["c0"].high
    assert found["c1"].low <= 0 <= found["c1"].high


def test_without_a_lift_hardly_any_group_shows_one():
    wrong = sum(any(each.high < 0 for each in lifts(1.0, seed=seed).values()) for seed in range(100))

    assert wrong <= 5


def test_a_group_without_outcomes_in_the_control_has_no_lift():
    country = np.repeat([0, 1], 100)
    control = np.arange(200) % 100 < 5

    assert lifts_by_group(sample_of(country, country), ["country"], ~control, control, 1) == []
