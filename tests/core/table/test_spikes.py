"""A rate that has jumped is distinguished from a good value, from few events, and from a good day of all."""

import pytest

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.table.bidding import BidRules, tier
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.core.table.segments import Counts, Segment
from rtb_optimizer.core.table.warnings import rate_spikes


def segment(pattern, exposure, outcome):
    counts = Counts(exposure, exposure, outcome, 0, 0)
    return Segment(pattern, counts, 1.0, 1.0, 1.0, 1.0, 1.0, outcome, tier(outcome), 1.0, no_bid=False)


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
