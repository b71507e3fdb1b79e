"""What bought each row: the table that was live at its time, whoever moved the pointer and when."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.realized.row_bids import (
    BidRecord,
    BidSource,
    LivePeriod,
    LiveTable,
    Move,
    Slot,
    bought_at,
    bought_by_tables,
    is_multiplier,
    live_periods,
    slot_of_day,
)
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable
from rtb_optimizer.core.table.rows import SegmentRules

RULES = SegmentRules(max_segments=100, dead_band=0.0, bids=BidRules(0.1, 10.0, 0.0))


def at(hour):
    return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=hour)


def move(run_id, hour, valid_for=None):
    return Move(run_id, at(hour), None if valid_for is None else at(hour + valid_for))


def table(no_bid=(), **multipliers):
    """A table over `device` with one row a value."""
    rows = {}
    for value, multiplier in multipliers.items():
        pattern = frozenset([("device", value)])
        rows[pattern] = PublishedRow(value, pattern, 1e3, 10.0, 10.0, 1.0, multiplier, no_bid=value in no_bid)
    return PublishedTable(("device",), frozenset([frozenset(["device"])]), rows, 1.0, RULES)


def live(run_id, holdback=0.0, **values):
    return LiveTable(run_id, table(**values), holdback)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], [(None, 0, 24)]),
        ([move(1, -5)], [(1, 0, 24)]),
        ([move(1, 6)], [(None, 0, 6), (1, 6, 24)]),
        ([move(1, -5), move(2, 10)], [(1, 0, 10), (2, 10, 24)]),
        ([move(1, -5, valid_for=11)], [(1, 0, 6), (None, 6, 24)]),
        ([move(1, -5, valid_for=11), move(2, 10)], [(1, 0, 6), (None, 6, 10), (2, 10, 24)]),
        ([move(1, -5, valid_for=48), move(2, 10)], [(1, 0, 10), (2, 10, 24)]),
        ([move(1, -5), move(None, 8), move(1, 12)], [(1, 0, 8), (None, 8, 12), (1, 12, 24)]),
        ([move(1, -48), move(2, -24), move(3, 30)], [(2, 0, 24)]),
        ([move(1, -5), move(2, 10), move(3, 10)], [(1, 0, 10), (3, 10, 24)]),
    ],
    ids=[
        *("never live", "live throughout", "first activation", "replaced", "expired", "expired and replaced later"),
        *("replaced before it expires", "none for a while", "moves outside the window", "two moves at one instant"),
    ],
)
def test_the_periods_of_a_window_follow_each_other_and_fill_it(moves, expected):
    periods = live_periods(moves, Window(at(0), at(24)))

    assert [(each.run_id, each.start, each.end) for each in periods] == [(r, at(a), at(b)) for r, a, b in expected]


def test_a_record_is_read_back_as_it_was_frozen_and_an_older_snapshot_tells_no_bids():
    record = BidRecord(BidSource.HISTORY, (LivePeriod(None, at(0), at(3)), LivePeriod(7, at(3), at(24))))

    assert BidRecord.read(record.document()) == record
    assert BidRecord.read(None) == BidRecord.read({}) == BidRecord(BidSource.NONE)


@pytest.mark.parametrize(
    ("timezone", "day", "shares"),
    [
        ("UTC", date(2026, 11, 20), [0.25, 0.75]),
        ("America/New_York", date(2026, 11, 20), [1 / 24, 23 / 24]),
        ("America/New_York", date(2026, 11, 1), [1.0]),  # 25 hours, all before the first period
    ],
)
def test_rows_without_a_time_are_bought_by_each_table_for_its_share_of_the_local_day(timezone, day, shares):
    periods = (LivePeriod(1, at(0), at(6)), LivePeriod(2, at(6), at(48)))
    slot = slot_of_day(day, periods, {1: live(1, mobile=2.0), 2: live(2, mobile=0.5)}, timezone)

    assert [share for share, _ in slot.tables] == pytest.approx(shares)
    assert sum(share for share, _ in slot.tables) == pytest.approx(1.0)


def test_most_of_a_slot_was_bought_by_its_main_table():
    first, second = live(1, mobile=2.0), live(2, mobile=0.5)

    assert Slot([(0.3, first), (0.7, second)]).main is second
    assert Slot([(0.3, first), (0.7, None)]).main is None
    assert Slot([]).main is None


def bought(slots, codes, devices, elasticity=1.0):
    sample = sample_of(np.zeros(len(devices)), fold=[0] * len(devices), device=devices)
    return bought_by_tables(sample, np.array(codes), slots, elasticity)


def test_a_row_weighs_by_what_its_own_table_bid_on_it():
    found = bought([Slot([(1.0, None)]), Slot([(1.0, live(1, mobile=2.0))])], [0, 1, 1], ["mobile", "mobile", "tv"])

    assert found.bid == pytest.approx([1.0, 2.0, 1.0])
    assert found.volume == pytest.approx([1.0, 2.0, 1.0])


def test_volume_follows_the_multiplier_to_the_power_of_the_elasticity():
    found = bought([Slot([(1.0, live(1, mobile=4.0))])], [0], ["mobile"], elasticity=0.5)

    assert found.bid == pytest.approx([4.0])
    assert found.volume == pytest.approx([2.0])


def test_a_day_shared_by_two_tables_is_bought_by_the_mean_of_both():
    found = bought([Slot([(0.25, live(1, mobile=4.0)), (0.75, None)])], [0], ["mobile"])

    assert found.volume == pytest.approx([0.25 * 4 + 0.75])
    assert found.bid == pytest.approx([4.0**0.25])


def test_a_value_without_a_bid_stands_on_its_control_alone():
    slot = Slot([(1.0, live(1, holdback=0.1, mobile=2.0, tv=0.5, no_bid=("tv",)))])
    found = bought([slot], [0, 0], ["mobile", "tv"])

    assert found.volume == pytest.approx([0.9 * 2 + 0.1, 0.1])
    assert found.bid[1] == pytest.approx(1.0)  # all rows that came were bid 1


def test_without_a_holdback_a_row_in_the_logs_was_bid_on_whatever_the_table_says():
    found = bought([Slot([(1.0, live(1, tv=0.5, no_bid=("tv",)))])], [0], ["tv"])

    assert found.volume == pytest.approx([0.5])


def test_multipliers_that_the_logs_tell_are_taken_as_they_are_and_the_others_as_one():
    told = np.array([2.0, 0.5, np.nan, np.inf, 0.0, -1.0])

    assert is_multiplier(told).tolist() == [True, True, False, False, False, False]
    assert bought_at(told, 1.0).volume == pytest.approx([2.0, 0.5, 1, 1, 1, 1])


def test_a_row_stands_for_a_thousand_times_its_cost_at_most():
    assert bought_at(np.array([1e-9]), 1.0).volume == pytest.approx([1e-3])
