"""Rates that have jumped or stopped, and prices of another unit, are told from good values, few events, good days."""

import pytest

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.bidding import BidRules, tier
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.core.table.segments import Segment
from rtb_optimizer.core.table.warnings import prices_apart, rate_spikes, rate_stops


def segment(pattern, exposure, outcome, expected=1.0, cost=0.0, prior=2.0):
    counts = Counts(exposure, exposure, outcome, 0, cost)
    return Segment(pattern, counts, expected, 1.0, 1.0, 1.0, prior, outcome, tier(outcome), 1.0, no_bid=False)


def active(**rates):
    """A table of an entity with 1 % outcomes, and sites of these rates."""
    rows = {
        frozenset({("site", site)}): PublishedRow(site, frozenset({("site", site)}), 1000, 1000 * rate, 10.0, 1.0, 1.0)
        for site, rate in rates.items()
    }
    rules = SegmentRules(100, 0.02, BidRules(0.3, 3.0, 0.8))
    return PublishedTable(("site",), frozenset(), rows, 1.0, rules, Scale(Link.LOG, odds_against=99.0))


DEFAULT = segment((None,), 100_000, 1_000)


@pytest.mark.parametrize(
    ("site", "before", "text"),
    [
        (segment(("a",), 100, 60), None, "site=a has 60 outcomes of 100 exposures, 60 times the entity's rate: bots?"),
        (segment(("a",), 1000, 90), None, None),
        (segment(("a",), 10, 9), None, None),
        (segment(("a",), 100, 60), active(a=0.05), "60 times the entity's rate, 5 times in the active run: bots?"),
        (segment(("a",), 100, 45), active(a=0.05), None),
        (segment(("a",), 100, 60), active(b=0.5), "site=a has 60 outcomes of 100 exposures, 60 times the entity's"),
    ],
    ids=["new", "good, within ten times", "few events", "jumped", "jumped less than ten times", "new beside others"],
)
def test_a_rate_of_more_than_ten_times_what_it_was_is_a_spike(site, before, text):
    messages = [warning.message for warning in rate_spikes([DEFAULT, site], ["site"], before)]

    assert [text in message for message in messages] == ([True] if text else [])


def test_a_good_day_of_all_is_no_spike():
    good_day = segment((None,), 100_000, 50_000)

    assert rate_spikes([good_day, segment(("a",), 1000, 600)], ["site"], active(a=0.012)) == []


def test_an_entity_without_events_has_no_spikes():
    assert rate_spikes([segment((None,), 100, 0), segment(("a",), 10, 0)], ["site"], None) == []


@pytest.mark.parametrize(
    ("outcomes", "of_entity", "before", "is_spike"),
    [
        (990, 0.15, None, True),
        (960, 0.15, None, False),
        (990, 0.5, None, False),
        (990, 0.15, 0.99, False),
        (990, 0.15, 0.3, True),
    ],
    ids=["nothing but outcomes", "often", "where they are frequent", "as before", "unlike before"],
)
def test_nothing_but_outcomes_is_a_spike_where_they_are_seldom_though_ten_times_the_rate_is_none(
    outcomes, of_entity, before, is_spike
):
    default = segment((None,), 100_000, 100_000 * of_entity)
    table = None
    if before:
        row = PublishedRow("a", frozenset({("site", "a")}), 1000, 1000 * before, 10.0, 1.0, 1.0)
        scale = Scale(Link.LOGIT, odds_against=(1 - of_entity) / of_entity)
        table = PublishedTable(("site",), frozenset(), {row.pattern: row}, 1.0, active().rules, scale)

    assert bool(rate_spikes([default, segment(("a",), 1000, outcomes)], ["site"], table)) is is_spike


@pytest.mark.parametrize(
    ("site", "before", "is_told"),
    [
        (segment(("a",), 5000, 0, expected=50), None, True),
        (segment(("a",), 5000, 1, expected=50), None, False),
        (segment(("a",), 500, 0, expected=5), None, False),
        (segment(("a",), 5000, 0, expected=50), active(a=0.01), True),
        (segment(("a",), 5000, 0, expected=50), active(a=0.0), True),
        (segment(("a",), 5000, 0, expected=50, prior=0.5), active(a=0.0), False),
        (segment(("a",), 5000, 0, expected=50), active(b=0.01), True),
        (segment(("a",), 5000, 0, expected=50, prior=0.5), None, False),
        (segment(("a",), 5000, 0, expected=50, prior=0.5), active(a=0.01), True),
        (segment(("a",), 5000, 0, expected=50), active(a=0.001), False),
    ],
    ids=[
        *(
            "none",
            "few",
            "few expected",
            "some before",
            "none before either",
            "none before, among values that differ much",
        ),
        *("new", "among values that differ much"),
        *("among these, some before", "few before"),
    ],
)
def test_a_value_without_an_outcome_where_many_are_expected_has_stopped(site, before, is_told):
    messages = [warning.message for warning in rate_stops([DEFAULT, site], ["site"], before, 1.0)]

    expected = "site=a has no outcome in 5000 exposures, where 50 are expected: is its tracking broken?"
    assert [message[: len(expected)] for message in messages] == ([expected] if is_told else [])


def test_of_values_that_have_stopped_the_largest_is_named_and_the_others_are_counted():
    sites = [segment((name,), 5000, 0, expected=e) for name, e in {"a": 30, "b": 70, "c": 40}.items()]
    [warning] = rate_stops([DEFAULT, *sites], ["site"], None, 1.0)

    assert "site=b" in warning.message
    assert "as have 2 more of site" in warning.message


def test_of_values_that_have_spiked_the_one_with_most_outcomes_too_many_is_named_and_the_others_are_counted():
    sites = [segment((name,), 100 * size, 60 * size) for name, size in {"a": 1, "b": 5, "c": 2}.items()]
    [warning] = rate_spikes([DEFAULT, *sites], ["site"], None)

    assert warning.message == (
        "site=b has 300 outcomes of 500 exposures, 60 times the entity's rate, as have 2 more of site: bots? leave "
        'such rows out with row_filter, as {"column": {"not": ["value"]}}'
    )
    assert warning.rows == 800


def test_spikes_of_two_features_are_told_apart():
    rows = [segment(("a", None), 100, 60), segment((None, "ios"), 200, 120)]
    warnings = rate_spikes([segment((None, None), 100_000, 1_000), *rows], ["site", "system"], None)

    assert [warning.message.partition(" ")[0] for warning in warnings] == ["site=a", "system=ios"]


@pytest.mark.parametrize(
    ("price", "told"),
    [(1000.0, "site=a costs 1e+03 times the median of site"), (0.001, "site=a costs 0.001 times"), (40.0, ""), (0, "")],
    ids=["per thousand among others", "for one among thousands", "a dear format", "free"],
)
def test_a_price_far_from_the_others_is_of_another_unit(price, told):
    sites = [segment((name,), 1000, 10, cost=1000) for name in "bcde"]
    messages = [
        w.message for w in prices_apart([DEFAULT, segment(("a",), 1000, 10, cost=1000 * price), *sites], ["site"])
    ]

    assert [told in message for message in messages] == ([True] if told else [])
