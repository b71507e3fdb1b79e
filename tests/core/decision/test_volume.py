"""What shows that logs are there in part: a day, an hour, a window with a fraction of the usual volume."""

from datetime import date, timedelta

import numpy as np
import pytest

from rtb_optimizer.core.decision.volume import (
    MEASURES,
    against,
    between_days,
    latest_days,
    prices_between_days,
    unusual_day,
)
from rtb_optimizer.core.sample.counts import Counts

FIRST, SATURDAY = date(2026, 11, 20), 5
USUAL = Counts(rows=12_000, exposure=12_000, outcome=700, value=900, cost=18_000)


def scaled(factor, **changed):
    values = {name: getattr(USUAL, name) * factor for name in Counts.__slots__}
    return Counts(**values | changed)


def days(*volumes):
    return {FIRST + timedelta(days=n): volume for n, volume in enumerate(volumes)}


@pytest.mark.parametrize(
    ("now", "factors"),
    [
        (USUAL, {"rows": 1, "exposures": 1, "outcomes": 1, "spend": 1}),
        (scaled(1 / 7.5), {"rows": 1 / 7.5, "exposures": 1 / 7.5, "outcomes": 1 / 7.5, "spend": 1 / 7.5}),
        (scaled(1, outcome=0), {"rows": 1, "exposures": 1, "outcomes": 0, "spend": 1}),
        (scaled(1, cost=0), {"rows": 1, "exposures": 1, "outcomes": 1, "spend": 0}),
    ],
)
def test_a_window_is_compared_with_the_active_runs_by_its_mean_day(now, factors):
    assert against([now], days(USUAL, USUAL)) == pytest.approx(factors)


def test_small_numbers_and_measures_that_the_active_run_had_none_of_are_not_compared():
    few = Counts(rows=60, exposure=60, outcome=3, value=0, cost=0)

    assert against([scaled(0.1, rows=10, outcome=1)], days(few)) == {}
    assert against([USUAL], days(scaled(1, cost=0))).keys() == {"rows", "exposures", "outcomes"}


@pytest.mark.parametrize(
    ("volumes", "measure", "place", "factor"),
    [
        ([USUAL, USUAL, scaled(1 / 6)], "rows", 2, 1 / 6),
        ([USUAL, scaled(8), USUAL], "rows", 1, 8),
        ([USUAL, scaled(1, outcome=0), USUAL, USUAL], "outcomes", 1, 0),
        ([USUAL, scaled(1, cost=0.0), USUAL], "spend", 1, 0),
        ([scaled(1 / 5), USUAL], "rows", 0, 1 / 5),
    ],
)
def test_the_day_that_differs_most_from_the_others_is_named(volumes, measure, place, factor):
    found = between_days(days(*volumes))

    assert (found.measure, found.day) == (measure, FIRST + timedelta(days=place))
    assert found.factor == pytest.approx(factor, rel=0.01)


@pytest.mark.parametrize(
    ("now", "then", "is_named"),
    [
        (scaled(5), None, True),
        (scaled(5), scaled(5), False),
        (scaled(5), scaled(6), False),
        (scaled(5), scaled(4), False),  # its outcomes have come in
        (scaled(8), scaled(4), True),  # delivered twice since
        (scaled(5), USUAL, True),
        (scaled(1 / 5), scaled(1 / 5), False),
        (scaled(1 / 5), scaled(1 / 4), True),  # a fifth of it has vanished since
        (scaled(1 / 5), USUAL, True),
        (scaled(1, outcome=0), scaled(1, outcome=0), False),
        (scaled(1, outcome=0), USUAL, True),
    ],
)
def test_a_day_that_an_active_run_read_alike_is_not_named_again(now, then, is_named):
    window = days(USUAL, now, USUAL, USUAL)
    judged = {} if then is None else {FIRST + timedelta(days=1): then}
    found = between_days(window, judged)

    assert (found.day == FIRST + timedelta(days=1) and not 1 / 3 <= found.factor <= 3) is is_named


@pytest.mark.parametrize(("then", "is_named"), [(scaled(1, cost=18e9), False), (USUAL, True)])
def test_a_price_that_an_active_run_read_alike_is_not_named_again(then, is_named):
    window = days(USUAL, scaled(1, cost=18e9), USUAL)
    found = prices_between_days(window, {FIRST + timedelta(days=1): then})

    assert (found.factor > 1e5) is is_named


HOLIDAY = date(2027, 1, 1)


@pytest.mark.parametrize(
    ("now", "active", "before", "factor"),
    [
        (USUAL, scaled(6), [USUAL] * 3, 1),  # the day after a holiday
        (scaled(0.8), scaled(1 / 6), [USUAL, scaled(0.5), USUAL], 1.6),
        (USUAL, scaled(6), [USUAL] * 2, 1 / 6),  # too little is known
        (USUAL, scaled(6), [USUAL, USUAL, scaled(5)], 1 / 5),  # not one day, another level: what of it is lost?
        (scaled(1 / 4), USUAL, [USUAL] * 3, 1 / 4),
        (scaled(1 / 4), scaled(6), [USUAL] * 3, 1 / 4),
    ],
)
def test_a_usual_day_after_an_unusual_active_one_is_compared_with_those_before_it(now, active, before, factor):
    known = {HOLIDAY - timedelta(days=n): day for n, day in enumerate(reversed(before), start=1)}

    assert against([now], {HOLIDAY: active}, known | {HOLIDAY: active})["rows"] == pytest.approx(factor)


def test_ordinary_days_differ_by_little_and_one_day_is_compared_with_none():
    ordinary = between_days(days(USUAL, scaled(1.4), scaled(0.8), USUAL))

    assert 0.5 < ordinary.factor < 2
    assert between_days(days(USUAL)) is None
    assert between_days({}) is None
    few = {day: Counts(5, 5, 1, 0, 0) for day in days(USUAL, USUAL)}
    assert between_days(few) is None


@pytest.mark.parametrize(
    ("volumes", "measure", "factor"),
    [
        ([USUAL, USUAL, scaled(1, cost=18_000 * 1e6)], "cost", 1e6),
        ([USUAL, USUAL, scaled(1, value=900e3)], "value", 1e3),
        ([USUAL, scaled(1, cost=18_000 * 1e6)], "cost", 1e6),
        ([USUAL, scaled(2), scaled(0.5)], "cost", 1),
    ],
)
def test_a_day_of_another_price_is_found_without_an_active_run(volumes, measure, factor):
    found = prices_between_days(days(*volumes))

    assert found.measure == measure
    assert max(found.factor, 1 / found.factor) == pytest.approx(factor, rel=0.01)


def test_prices_of_few_rows_or_few_outcomes_are_not_compared():
    few = scaled(1, outcome=3, value=900e3, cost=0)

    assert prices_between_days(days(few, scaled(1, outcome=2, cost=0))) is None


def test_a_mean_day_is_the_mean_of_each_measure_and_of_no_days_nothing_is_said():
    assert against([scaled(1), scaled(3)], days(USUAL)) == pytest.approx(dict.fromkeys(MEASURES, 2))
    assert against([USUAL], {}) == {}


def weeks(number, of_weekend=1.0, vary=0.05, seed=1, start=FIRST):
    """Return ordinary days around the level of their weekday; `vary` is the standard deviation of the logarithm."""
    noise = np.random.default_rng(seed).normal(0, vary, 7 * number)
    dates = [start + timedelta(days=n) for n in range(7 * number)]
    levels = [of_weekend if day.weekday() >= SATURDAY else 1.0 for day in dates]
    return {day: scaled(level * np.exp(by)) for day, level, by in zip(dates, levels, noise, strict=True)}


def next_day(before, factor=1.0, **changed):
    return {max(before) + timedelta(days=1): scaled(factor, **changed)}


@pytest.mark.parametrize(
    ("before", "factor", "changed", "measure"),
    [
        (weeks(1), 0.5, {}, "rows"),
        (weeks(4), 0.55, {}, "rows"),
        (weeks(4), 2, {}, "rows"),
        (weeks(4), 1, {"outcome": 350}, "outcomes"),
        (weeks(4), 1, {"cost": 9_000}, "spend"),
        (weeks(4, of_weekend=0.5), 0.5, {}, "rows"),
    ],
    ids=["a known week", "four of them", "twice as many", "half the clicks", "half the cost", "like a weekend"],
)
def test_a_day_that_has_lost_half_is_unusual_although_no_gate_holds_for_it(before, factor, changed, measure):
    day = next_day(before, factor, **changed)

    found = unusual_day(day, before)

    assert found is not None
    assert (found.measure, [found.day]) == (measure, [*day])
    assert 1 / 3 < found.factor < 3


@pytest.mark.parametrize(
    ("before", "factor", "changed"),
    [
        (weeks(4), 1, {}),
        (weeks(4), 0.75, {}),
        ({**weeks(3), **weeks(1, start=FIRST + timedelta(days=21), of_weekend=0.5)}, 1, {}),
        (weeks(4, vary=0.5), 0.5, {}),
        (weeks(4), 1, {"outcome": 0}),
        (dict([*weeks(1).items()][:6]), 0.5, {}),
        ({day: Counts(90, 90, 9, 0, 0) for day in weeks(4)}, 1 / 200, {}),
    ],
    ids=[
        "as always",
        "a quarter less",
        "after a weekend",
        "always restless",
        "none at all",
        "six days known",
        "few rows",
    ],
)
def test_a_day_as_days_are_or_that_little_is_known_of_is_not_unusual(before, factor, changed):
    assert unusual_day(next_day(before, factor, **changed), before) is None


@pytest.mark.parametrize(("vary", "of_weekend", "at_most"), [(0.1, 1.0, 0.005), (0.1, 0.5, 0.005), (0.2, 0.5, 0.02)])
def test_ordinary_nights_are_hardly_ever_unusual(vary, of_weekend, at_most):
    nights = 0
    for seed in range(10):
        year = [*weeks(12, of_weekend, vary, seed).items()]
        nights += sum(
            unusual_day(dict([day]), dict(year[n - 28 : n])) is not None for n, day in enumerate(year) if n >= 28
        )

    assert nights / (10 * 56) <= at_most


def test_a_run_hands_four_weeks_of_days_on_and_its_own_reading_of_a_day_counts():
    before = weeks(4)
    day = next_day(before, 0.5)
    again = {max(before): scaled(3)}

    known = latest_days(day | again, before)

    assert len(known) == 28
    assert [*known] == sorted(known)
    assert min(known) == FIRST + timedelta(days=1)
    assert known[max(before)] == scaled(3)
