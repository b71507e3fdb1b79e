"""A tracker that breaks for one app on some days, and bots of one day, are hidden in the totals of app and day."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.table.day_rates import day_rates, unpriced_days

ROWS, DAYS = 70_000, 7
DRAW = np.random.default_rng(6)
DAY = DRAW.integers(0, DAYS, ROWS)
APP = np.array(["a", "b", "c", "d"])[DRAW.choice(4, ROWS, p=[0.4, 0.3, 0.2, 0.1])]
CHANCE = DRAW.random(ROWS)
DATES = np.datetime64("2026-03-01") + DAY.astype("timedelta64[D]")
RATE = 0.03 * np.array([1.0, 0.7, 2.0, 0.5])[np.searchsorted(["a", "b", "c", "d"], APP)]


def told(factor):
    """The warnings of logs in which each row has its rate times a factor."""
    sample = sample_of((rate := RATE * factor) > CHANCE, app=APP, day=DAY.astype(str))
    assert rate.max() <= 1
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")  # as the sample is sorted
    return [(w.code, w.message) for w in day_rates(sample, ["app"], DATES[order])]


@pytest.mark.parametrize(
    ("app", "days", "words"),
    [
        ("b", [6], "app=b has 0 outcomes on 2026-03-07, where"),
        ("b", [4, 5, 6], "app=b has 0 outcomes on 2026-03-05, 2026-03-06, 2026-03-07, where"),
        ("d", [4, 5, 6], "app=d has 0 outcomes on 2026-03-05, 2026-03-06, 2026-03-07, where"),
        ("c", [2], "app=c has 0 outcomes on 2026-03-03, where"),
        ("a", [0, 1, 2, 3], "app=a has 0 outcomes on 2026-03-01, 2026-03-02, 2026-03-03 and 1 more, where"),
    ],
    ids=["the last day", "from a day on", "few a day", "a day amid", "most days"],
)
def test_an_app_without_outcomes_on_days_on_which_it_would_have_many_is_named(app, days, words):
    [(code, message)] = told(np.where((app == APP) & np.isin(DAY, days), 0.0, 1.0))

    assert code == "rate_stops"
    assert message.startswith(words)


def test_a_value_whose_outcomes_jump_on_a_day_is_named():
    [(code, message)] = told(np.where((APP == "d") & (DAY == 6), 30.0, 1.0))

    assert code == "rate_spike"
    assert message.startswith("app=d has ")
    assert "on 2026-03-07, where" in message


def test_further_values_are_counted():
    [(_, message)] = told(np.where(np.isin(APP, ["b", "c"]) & (DAY == 6), 0.0, 1.0))

    assert "its other days, as have 1 more of app:" in message


@pytest.mark.parametrize(
    "factor",
    [
        np.ones(ROWS),
        np.where(DAY == 6, 0.0, 1.0),
        np.where(DAY >= 5, 8.0, 1.0),
        np.where((APP == "c") & (DAY == 2), 6.0, 1.0),
        np.where((APP == "d") & (DAY == 2), 0.2, 1.0),
        np.where(APP == "b", 0.0, 1.0),
    ],
    ids=["healthy", "a day of all", "a weekend", "a good day", "a bad day", "a value that never has one"],
)
def test_days_that_are_good_or_bad_for_all_and_moderate_changes_are_not(factor):
    assert told(factor) == []


def test_an_only_outcome_on_a_day_of_hardly_a_row_says_nothing_of_the_other_days():
    first = np.arange(ROWS) == np.flatnonzero(DAY == 0)[0]
    app = np.where((APP == "b") & (DAY > 0) | first, "slot", APP)
    outcome = np.where(app == "slot", first, RATE > CHANCE)
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")

    assert day_rates(sample_of(outcome, app=app), ["app"], DATES[order]) == []


def test_a_sampled_row_that_stands_for_many_says_nothing_of_a_day():
    app = np.where((APP == "b") & ((DAY < 6) | (np.cumsum((APP == "b") & (DAY == 6)) <= 3)), "slot", APP)
    is_last = (app == "slot") & (DAY == 6)
    exposure = np.where(is_last, 3_000.0, 1.0)
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")
    sample = sample_of((RATE > CHANCE) & ~is_last, exposure=exposure, app=app)

    assert is_last.sum() == 3
    assert day_rates(sample, ["app"], DATES[order]) == []


def test_few_outcomes_say_nothing():
    assert told(np.where((APP == "d") & (DAY == 6), 0.0, 0.3)) == []


def test_a_window_of_one_day_is_not_compared():
    sample = sample_of(RATE > CHANCE, app=APP)

    assert day_rates(sample, ["app"], np.full(ROWS, np.datetime64("2026-03-01"))) == []


def test_days_beside_a_day_of_bots_have_not_stopped():
    short = DAY % 3
    rate = RATE * np.where((APP == "d") & (short == 0), 50.0, 1.0)
    sample = sample_of(rate > CHANCE, app=APP, day=short.astype(str))
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")
    dates = np.datetime64("2026-03-01") + short.astype("timedelta64[D]")

    assert [w.code for w in day_rates(sample, ["app"], dates[order])] == ["rate_spike"]


def unpriced(has_cost, rate=1.0):
    """The warnings of logs of which some rows have a cost."""
    sample = sample_of(RATE * rate > CHANCE, app=APP, day=DAY.astype(str))
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")
    priced = replace(sample, spend=np.where(has_cost, 0.2, 0.0)[order])
    return [(w.code, w.message) for w in unpriced_days(priced, ["app"], DATES[order])]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([6], "app=b has a cost in 0 rows on 2026-03-07, where"),
        ([4, 5, 6], "app=b has a cost in 0 rows on 2026-03-05, 2026-03-06, 2026-03-07, where"),
    ],
    ids=["the last day", "from a day on"],
)
def test_a_value_that_loses_its_price_on_some_days_is_named(days, words):
    [(code, message)] = unpriced(~((APP == "b") & np.isin(DAY, days)))

    assert code == "price_stops"
    assert message.startswith(words)
    assert "the level of all bids follows the spend that is there" in message


@pytest.mark.parametrize(
    "has_cost",
    [np.ones(ROWS, bool), np.zeros(ROWS, bool), APP != "b", CHANCE < 0.3, CHANCE < RATE, DAY != 6],
    ids=["all", "none", "a free value", "some", "those that were clicked on", "a day of all"],
)
def test_honest_costs_are_no_loss_of_prices(has_cost):
    assert unpriced(has_cost) == []
