"""The lift over a control arm: its estimate, and an interval that holds at every look of bunched outcomes."""

from math import inf, isnan, nan

import numpy as np
import pytest

from rtb_optimizer.core.realized.evidence import ArmDay, DayOfArms, Nights, evidence_of
from rtb_optimizer.core.realized.lift import estimates, intervals, lift_of, nights_needed, nights_until

BUCKETS = 16
ALPHA = 0.05


def arm(result, spend, *, spread=0.0, value=1.0, offset=0):
    """An arm's day in even buckets, or with a share of its results moved between every other one."""
    wave = np.roll(1 + spread * np.resize([1.0, 1.0, -1.0, -1.0], BUCKETS), offset)
    outcomes = result / BUCKETS * wave
    return ArmDay(outcomes * value, np.full(BUCKETS, spend / BUCKETS), outcomes)


def day(treated, control, split=(0.9, 0.1), **bunched):
    return DayOfArms(arm(treated, split[0], **bunched), arm(control, split[1], **bunched))


def ratio_bounds(lift):
    return 1 + lift.low, 1 + lift.high


@pytest.mark.parametrize(
    ("days", "estimate"),
    [
        ([day(900, 100)] * 3, 0.0),
        ([day(1080, 100)] * 3, 0.2),
        ([day(720, 100)], -0.2),
        ([day(600, 400, split=(0.5, 0.5))] * 2, 0.5),
        ([day(0, 100)], -1.0),
        ([day(900, 0)], nan),
        ([], nan),
    ],
)
def test_the_lift_is_the_ratio_of_results_per_spend_less_one(days, estimate):
    assert lift_of(days, ALPHA).estimate == pytest.approx(estimate, nan_ok=True)


def test_a_night_with_another_split_and_another_level_does_not_bend_the_estimate():
    good = day(90, 10, split=(0.9, 0.1))
    bad = day(0.1 * 50, 0.1 * 50, split=(0.5, 0.5))
    assert lift_of([good, bad], ALPHA).estimate == pytest.approx(0.0)


def test_without_a_day_nothing_is_known():
    lift = lift_of([], ALPHA)
    assert (lift.low, lift.high, lift.nights, lift.is_known) == (-1.0, inf, 0, False)


@pytest.mark.parametrize(("treated", "control"), [(0, 0), (9, 1), (40, 4), (3, 0)])
def test_too_few_outcomes_have_no_interval(treated, control):
    lift = lift_of([day(treated, control)], ALPHA)
    assert (lift.low, lift.high, lift.is_known) == (-1.0, inf, False)


def test_a_control_arm_without_outcomes_bounds_the_lift_from_below_alone():
    lift = lift_of([day(900, 0)] * 4, ALPHA)
    assert isnan(lift.estimate)
    assert lift.low > 0
    assert lift.high == inf


def test_a_treated_arm_without_outcomes_is_a_loss():
    lift = lift_of([day(0, 1_000)], ALPHA)
    assert (lift.estimate, lift.low) == (-1.0, -1.0)
    assert lift.high < -0.9


def test_a_day_on_which_one_arm_spent_nothing_is_no_night_and_changes_nothing():
    days = [day(950, 100)] * 4
    before = lift_of(days, ALPHA)
    for alone in (DayOfArms(arm(500, 1.0), arm(0, 0.0)), DayOfArms(arm(500, 0.0), arm(50, 0.1))):
        after = lift_of([*days, alone], ALPHA)
        assert (after.nights, after.treated, after.control) == (4, before.treated, before.control)
        assert (after.estimate, after.precision) == pytest.approx((before.estimate, before.precision))


def test_the_interval_holds_the_estimate_and_narrows_with_nights():
    lifts = [lift_of([day(950, 100)] * nights, ALPHA) for nights in (1, 2, 5, 20, 60)]
    assert all(each.low < each.estimate < each.high for each in lifts)
    widths = [each.high - each.low for each in lifts]
    assert widths == sorted(widths, reverse=True)


def test_less_error_is_a_wider_interval():
    days = [day(950, 100)] * 9
    assert lift_of(days, 0.01).low < lift_of(days, 0.1).low < lift_of(days, 0.1).high < lift_of(days, 0.01).high


def test_the_arms_swapped_give_the_inverse_ratio():
    days = [day(950, 100)] * 9
    swapped = [DayOfArms(each.control, each.treated) for each in days]
    low, high = ratio_bounds(lift_of(days, ALPHA))
    assert ratio_bounds(lift_of(swapped, ALPHA)) == pytest.approx((1 / high, 1 / low))


def test_a_value_in_cents_has_the_lift_of_one_in_euros():
    euros, cents = (lift_of([day(950, 100, value=value)] * 9, ALPHA) for value in (1.0, 100.0))
    assert (cents.estimate, cents.low, cents.high) == pytest.approx((euros.estimate, euros.low, euros.high))


EVEN = [day(950, 100)] * 12
WIDER = {
    "buckets differ, as of outcomes in bunches": [day(950, 100, spread=0.9, offset=n % 4) for n in range(12)],
    "the same buckets are ahead each night, as of ids that return": [day(950, 100, spread=0.3)] * 12,
    "nights differ": [day(1_650, 100), day(250, 100)] * 6,
}


@pytest.mark.parametrize("case", WIDER)
def test_the_interval_is_wider_where(case):
    even, wider = (lift_of(days, ALPHA) for days in (EVEN, WIDER[case]))
    assert wider.estimate == pytest.approx(even.estimate)
    assert wider.low < even.low - 0.01
    assert wider.high > even.high + 0.01


@pytest.mark.parametrize("effect", [-0.2, -0.1, 0.15])
def test_an_effect_is_known_about_when_it_was_said_to_be(effect):
    days = [day(900 * (1 + effect), 100)] * 80
    said = nights_until(lift_of(days[:4], 0.1), effect)
    lifts = (lift_of(days[:nights], 0.1) for nights in range(1, 81))
    first = next(each.nights for each in lifts if each.low > 0 or each.high < 0)
    assert 0.6 * first <= said <= 1.7 * first


def test_smaller_effects_take_longer_and_the_smallest_are_out_of_sight():
    lift = lift_of([day(900, 100)] * 4, ALPHA)
    nights = [nights_until(lift, effect) for effect in (-0.5, -0.2, -0.1, -0.05)]
    assert nights == sorted(nights)
    assert nights_until(lift, -0.001) is None
    assert nights_until(lift, 0.0) is None
    assert nights_until(lift_of([], ALPHA), -0.1) is None


def test_an_effect_is_not_known_before_the_support_that_an_interval_needs():
    lift = lift_of([day(9, 1)] * 2, ALPHA)
    assert lift.support < 5
    assert nights_until(lift, 1e6) >= 2 * 5 / lift.support


# The worlds of benchmarks/live_evidence.py, smaller: what the interval is fed with decides whether it holds.
ENTITIES, NIGHTS = 400, 20
WORLDS = {  # outcomes a night, share treated, bunching, returning, deviation of the ratio between nights, lift
    "bunches": (400, 0.9, 16.0, 1.5, 0.0, 0.0),
    "ids that return": (400, 0.5, 1.6, 8.0, 0.0, 0.0),
    "nights that differ": (20_000, 0.5, 1.6, 1.0, 0.13, 0.0),
    "a small holdback": (1_000, 0.95, 4.0, 1.5, 0.1, 0.0),
    "a gain": (2_000, 0.9, 4.0, 1.5, 0.1, 0.1),
    "a loss": (2_000, 0.9, 4.0, 1.5, 0.1, -0.1),
}


def simulated(seed, world):
    """Bunches are Poisson and their sizes geometric; the level of a night is common to both arms."""
    outcomes, treated, bunching, returning, ratio, lift = world
    generator, share = np.random.default_rng(seed), np.array([treated, 1 - treated])[:, None]
    spend = np.broadcast_to(share / BUCKETS, (ENTITIES, NIGHTS, 2, BUCKETS))
    mean = outcomes * spend * generator.lognormal(0, 0.2, (ENTITIES, NIGHTS, 1, 1))
    mean = mean * generator.lognormal(0, ratio / np.sqrt(2), (ENTITIES, NIGHTS, 2, 1)) * [[1 + lift], [1.0]]
    if returning > 1:
        loyalty = outcomes * NIGHTS * share / BUCKETS / (bunching * (returning - 1))
        mean = mean * generator.gamma(loyalty, 1 / loyalty, (ENTITIES, 1, 2, BUCKETS))
    size = (bunching + 1) / 2
    bunches = generator.poisson(mean / size)
    more = generator.negative_binomial(np.maximum(bunches, 1), 1 / size)
    result = (bunches + np.where(bunches > 0, more, 0)).astype(float)
    return Nights(result, np.array(spend), result)


def ever_wrong(nights, lift):
    """Return the share of entities whose interval of 95 % excluded the true lift at any look."""
    wrong = np.zeros(ENTITIES, dtype=bool)
    for night in range(1, NIGHTS + 1):
        so_far = Nights(nights.result[:, :night], nights.spend[:, :night], nights.outcomes[:, :night])
        low, high = intervals(evidence_of(so_far), ALPHA)
        wrong |= (low > lift) | (high < lift)
    return wrong.mean()


@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_holds_at_every_look_in_a_world_of(name):
    assert ever_wrong(simulated(7, WORLDS[name]), WORLDS[name][-1]) <= ALPHA


@pytest.mark.parametrize("name", ["bunches", "ids that return"])
def test_an_interval_for_independent_outcomes_does_not_hold_in_a_world_of(monkeypatch, name):
    def independent(nights, *_):
        return np.ones(len(nights.result)), np.full(len(nights.result), 1e6)

    monkeypatch.setattr("rtb_optimizer.core.realized.evidence._dispersion", independent)
    assert ever_wrong(simulated(7, WORLDS[name]), WORLDS[name][-1]) > 2 * ALPHA


@pytest.mark.parametrize(("name", "dispersion"), [("bunches", 16.0 * 1.5), ("ids that return", 1.6 * 8.0)])
def test_the_dispersion_is_measured_in_a_world_of(name, dispersion):
    measured = np.median(evidence_of(simulated(7, WORLDS[name])).dispersion)
    assert measured == pytest.approx(dispersion, rel=0.25)


def test_estimates_are_unbiased_over_many_entities():
    world = WORLDS["a gain"]
    assert estimates(evidence_of(simulated(3, world))).mean() == pytest.approx(world[-1], abs=0.02)


@pytest.mark.parametrize(
    ("outcomes_a_night", "effect", "nights"),
    [(400, -0.2, (10, 30)), (2_000, -0.1, (12, 40)), (2_000, -0.2, (3, 10)), (20_000, -0.1, (8, 30))],
)
def test_the_nights_that_a_holdback_needs_are_about_those_measured_in_simulated_entities(
    outcomes_a_night, effect, nights
):
    least, most = nights

    assert least <= nights_needed(outcomes_a_night, 0.05, effect, 0.1) <= most


def test_with_hardly_an_outcome_a_night_a_holdback_never_answers():
    assert nights_needed(0.5, 0.05, -0.1, 0.1) is None
