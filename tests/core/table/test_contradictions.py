"""A day on which a feature says the opposite of the other days is named; days that vary by themselves are not."""

import re

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.bidding import BidRules, tier
from rtb_optimizer.core.table.contradictions import contradicting_days, contradicting_window
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.core.table.segments import Segment

ROWS, DAYS = 140_000, 7
DRAW = np.random.default_rng(8)
DAY, APP, CHANCE = DRAW.integers(0, DAYS, ROWS), DRAW.integers(0, 4, ROWS), DRAW.random(ROWS)
DATES = np.datetime64("2026-03-01") + DAY.astype("timedelta64[D]")
LOG_FACTORS = np.log([0.5, 0.8, 1.2, 1.8])
WORLDS = 200


def told(log_factors, level=1.0):
    """The warnings of logs in which app has these factors by row."""
    sample = sample_of(0.05 * level * np.exp(log_factors) > CHANCE, app=APP.astype(str))
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")  # as the sample is sorted
    return contradicting_days(sample, ["app"], DATES[order])


@pytest.mark.parametrize(
    ("days", "named"),
    [
        ([6], "2026-03-07"),
        ([0], "2026-03-01"),
        ([3], "2026-03-04"),
        ([5, 6], "2026-03-06, 2026-03-07"),
    ],
    ids=["the last day", "the first day", "a day amid", "from a day on"],
)
@pytest.mark.parametrize("then", [LOG_FACTORS[::-1], np.zeros(4)], ids=["reversed", "none"])
def test_days_on_which_a_feature_says_nothing_or_the_opposite_are_named(days, named, then):
    [warning] = told(np.where(np.isin(DAY, days), then[APP], LOG_FACTORS[APP]))

    assert warning.code == "day_contradicts"
    assert f"the outcomes of {named} contradict app as the other days have it: on 2026-03-0" in warning.message


def test_the_value_that_is_farthest_from_what_is_expected_is_named_with_both_numbers():
    [warning] = told(np.where((DAY == 6) & (APP == 0), np.log(4.0), LOG_FACTORS[APP]))

    assert re.search(r"on 2026-03-07 app=0 has 9\d\d outcomes, where 2\d\d are expected", warning.message)


@pytest.mark.parametrize(
    ("log_factors", "level"),
    [
        (LOG_FACTORS[APP], 1.0),
        (LOG_FACTORS[APP], np.where(DAY == 6, 3.0, 1.0)),
        (LOG_FACTORS[APP], np.where(DAY == 6, 0.0, 1.0)),
        (np.where(DAY == 6, LOG_FACTORS[APP] / 2, LOG_FACTORS[APP]), 1.0),
        (np.where(DAY == 6, -1, 1) * LOG_FACTORS[APP] / 10, 1.0),
        (np.where(DAY % 2 == 1, -1, 1) * LOG_FACTORS[APP], 1.0),
        (np.where(DAY >= 4, -1, 1) * LOG_FACTORS[APP], 1.0),
    ],
    ids=[
        "as ever",
        "a good day",
        "a day of none",
        "half as much",
        "what says little",
        "every other day",
        "half of them",
    ],
)
def test_what_says_something_of_its_kind_says_little_or_never_agrees_is_no_contradiction(log_factors, level):
    assert told(log_factors, level) == []


@pytest.mark.parametrize("days", [1, 2])
def test_of_two_days_neither_is_the_one_that_is_wrong(days):
    few = days > DAY
    sample = sample_of((CHANCE < 0.2)[few], app=APP[few].astype(str))

    assert contradicting_days(sample, ["app"], np.sort(DATES[few])) == []


@pytest.mark.parametrize(("drift", "at_most"), [(0.03, 0.0), (0.1, 0.03)])
@pytest.mark.parametrize("values", [2, 3, 10, 200])
def test_values_that_vary_from_day_to_day_by_themselves_seldom_contradict(values, drift, at_most):
    alarms = 0
    for world in range(WORLDS):
        draw = np.random.default_rng([values, world])
        day, value = np.arange(DAYS).repeat(values), np.tile(np.arange(values).astype(str), DAYS)
        exposure = draw.gamma(2.0, 100_000 / values, DAYS * values)
        rates = 0.02 * np.exp(np.tile(draw.normal(0, 0.4, values), DAYS) + draw.normal(0, drift, DAYS * values))
        outcome = draw.poisson(exposure * rates)
        sample = sample_of(outcome, np.zeros(len(day), dtype=int), exposure, value=value)
        dates = np.datetime64("2026-03-01") + day.astype("timedelta64[D]")
        alarms += len(contradicting_days(sample, ["value"], dates))

    assert alarms <= at_most * WORLDS


def segment(site, exposure, events):
    return Segment(
        (site,), Counts(exposure, exposure, events, 0, 0), events, 1, 1, 1, 2.0, events, tier(events), 1, no_bid=False
    )


def active(rates):
    rows = {
        frozenset({("site", site)}): PublishedRow(site, frozenset({("site", site)}), 10_000, 10_000 * rate, 1, 1.0, 1.0)
        for site, rate in rates.items()
    }
    return PublishedTable(
        ("site",), frozenset(), rows, 1.0, SegmentRules(100, 0.02, BidRules(0.3, 3.0, 0.8)), Scale(Link.LOG)
    )


BEFORE = {"a": 0.02, "b": 0.04, "c": 0.08}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"a": 0.08, "b": 0.04, "c": 0.02}, "contradict site as the active run has it: site="),
        ({"a": 0.05, "b": 0.05, "c": 0.05}, "contradict site as the active run has it: site="),
        ({"a": 0.04, "b": 0.08, "c": 0.16}, None),
        ({"a": 0.03, "b": 0.04, "c": 0.05}, None),
        ({"d": 0.08, "e": 0.02}, None),
        ({"a": 0.0, "b": 0.0, "c": 0.0}, None),
    ],
    ids=["reversed", "none", "twice as many", "half as much", "other values", "without outcomes"],
)
def test_a_window_in_which_the_active_factors_do_not_hold_is_named(now, words):
    segments = [segment(None, 30_000, 1_500), *(segment(site, 10_000, 10_000 * rate) for site, rate in now.items())]
    found = contradicting_window(segments, ["site"], active(BEFORE))

    assert [w.code for w in found] == (["table_contradicts"] if words else [])
    assert all(words in w.message for w in found)
    assert contradicting_window(segments, ["site"], None) == []
