"""Money of another unit, and exposures that were thinned, since the active run."""

import pytest

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.bidding import BidRules, tier
from rtb_optimizer.core.table.moved_levels import moved_levels
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.core.table.segments import Segment

SITES = {"a": 0.5, "b": 0.3, "c": 0.15, "d": 0.01}


def segment(site, exposure, outcome, cost):
    counts = Counts(int(exposure), exposure, outcome, 3 * cost, cost)
    return Segment((site,), counts, outcome, 1, 1, 1, 2.0, outcome, tier(outcome), 1, no_bid=False)


def told(times, *, is_money=False):
    """The codes and messages where exposures, outcomes and cost of sites are so many times those of the active run."""
    then = {site: (10_000 * share, 500 * share, 20 * share) for site, share in SITES.items()}
    now = {site: [n * f for n, f in zip(of, times.get(site, (1, 1, 1)), strict=True)] for site, of in then.items()}
    rows = {
        frozenset({("site", site)}): PublishedRow(
            site, frozenset({("site", site)}), exposure, outcome, 1, 1.0, 1.0, cost=cost, value=3 * cost
        )
        for site, (exposure, outcome, cost) in then.items()
    }
    rules = SegmentRules(100, 0.02, BidRules(0.3, 3.0, 0.8))
    before = PublishedTable(("site",), frozenset(), rows, 1.0, rules, exposure=10_000)
    default = segment(None, *(sum(of) for of in zip(*now.values(), strict=True)))
    segments = [default, *(segment(site, *of) for site, of in now.items())]
    return [(each.code, each.message) for each in moved_levels(segments, ["site"], before, is_money=is_money)]


@pytest.mark.parametrize(
    ("times", "codes"),
    [
        ({"c": (1, 1, 20)}, ["price_moves"]),
        ({"c": (1, 1, 1 / 20)}, ["price_moves"]),
        (dict.fromkeys(SITES, (1, 1, 20)), ["price_moves"]),
        ({"c": (1, 1, 5)}, []),
        ({"d": (1, 1, 20)}, []),
        ({"c": (0.2, 1, 0.2)}, ["exposures_thinned"]),
        ({"c": (0.2, 0.2, 0.2)}, []),
        (dict.fromkeys(SITES, (0.2, 0.2, 0.2)), []),
        ({}, []),
    ],
    ids=["dearer", "cheaper", "all", "by five", "a thin value", "thinned", "less traffic", "a small night", "the same"],
)
def test_what_a_value_costs_and_has_is_compared_with_the_active_run(times, codes):
    assert [code for code, _ in told(times)] == codes


def test_the_value_is_named_with_the_factor():
    [(_, message)] = told({"c": (1, 1, 20)})

    assert message.startswith("site=c costs 20 times per exposure what it cost in the active run's window:")


def test_money_that_is_earned_is_compared_where_outcomes_are_money():
    assert [code for code, _ in told({"c": (1, 1, 20)}, is_money=True)] == ["price_moves", "worth_moves"]


def test_a_first_run_is_compared_with_nothing():
    assert moved_levels([segment(None, 100, 1, 1)], ["site"], None, is_money=False) == []
