"""A bidder that bids by last night's table makes tonight's logs, and spend stays what it was."""

import json
from itertools import pairwise

import pytest

from closed_loop import Loop
from market import Market
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import connections, entities

NIGHTS = 14


pytestmark = [pytest.mark.usefixtures("catalog"), pytest.mark.timeout(900)]


def spends(loop, first=1):
    """Spend relative to a multiplier of 1, from the second night on, the first that a table was live in."""
    return [round(night.of_flat[0], 4) for night in loop.nights[first:]]


def within(share):
    return pytest.approx(1.0, abs=share)


def reported(loop):
    """The report of the loop's active run."""
    return json.loads(loop.output("report"))


def warned(loop):
    return {warning["code"] for warning in reported(loop)["warnings"]}


def test_spend_stays_within_three_percent_through_a_roll_back_a_paused_night_and_a_late_backfill(base_path):
    loop = Loop(base_path)
    for number in range(NIGHTS):
        loop.play()
        if number == 8:  # paused: no run tonight, bidders keep the table of the night before
            continue
        loop.run()
        if number == 5:
            loop.roll_back()
        if number == 10:
            loop.run(day=loop.nights_of[6])  # a late backfill of an older window takes nothing over

    assert spends(loop) == [within(0.03)] * len(spends(loop))
    assert all(night.of_flat[1] > 1.3 for night in loop.nights[2:])


@pytest.mark.takes_turns(0)
def test_the_history_knows_the_bids_as_well_as_a_log_that_tells_them(base_path):
    nights = 5
    told = Loop(base_path, "told", config={"multiplier_column": "multiplier"})
    named = Loop(base_path, "named", config={"run_column": "run"}, keeps_time=False)
    found = Loop(base_path, "found")
    for loop in (told, named, found):
        for _ in range(nights):
            loop.play()
            loop.run()

    for loop in (named, found):
        assert spends(loop) == [within(0.03)] * len(spends(loop))
        assert sum(n.outcomes for n in loop.nights) >= 0.97 * sum(n.outcomes for n in told.nights)
        assert reported(loop)["bids"]["unknown_share"] == 0


@pytest.mark.takes_turns(1)
def test_without_ids_and_times_a_day_is_bought_by_each_table_for_its_share(base_path):
    loop = Loop(
        base_path,
        config={"row_id_columns": "", "timestamp_column": ""},
        columns=lambda names: [name for name in names if name not in ("auction_id", "event_time")],
    )
    for _ in range(6):
        loop.play()
        loop.run()

    assert spends(loop) == [within(0.03)] * len(spends(loop))


@pytest.mark.takes_turns(2)
def test_a_bidder_that_ignores_the_table_is_found(base_path):
    loop = Loop(base_path, follows=False)
    for _ in range(3):
        loop.play()
        loop.run()

    assert reported(loop)["bids"]["following"] == "not live"
    assert "bids_not_followed" in warned(loop)


@pytest.mark.takes_turns(3)
def test_a_bidder_that_begins_to_read_the_table_is_believed(base_path):
    loop = Loop(base_path, follows=False)
    for number in range(5):
        loop.follows = number >= 3
        loop.play()
        loop.run()

    assert reported(loop)["bids"]["following"] == "live"
    assert "bids_not_followed" not in warned(loop)


@pytest.mark.takes_turns(4)
@pytest.mark.parametrize(
    ("config", "knows_from"),  # a table that leaves segments out moves more spend, by an elasticity of one night
    [({}, 2), ({"no_bid_below": "0.5", "holdback_share": "0.1"}, 3)],
    ids=["on all requests", "on those worth a bid"],
)
def test_the_response_of_a_bidder_that_takes_the_square_root_is_measured_and_spend_kept(base_path, config, knows_from):
    loop = Loop(base_path, config=config, market=Market(elasticity=0.5))
    for _ in range(7):
        loop.play()
        loop.run()

    bids = reported(loop)["bids"]
    assert bids["assumed"] == pytest.approx(0.5, abs=0.12)
    assert spends(loop, first=knows_from) == [within(0.05)] * (7 - knows_from)  # the first table cannot know it yet


@pytest.mark.takes_turns(5)
def test_a_holdback_keeps_segments_without_a_bid_observed_and_out_of_the_table_for_good(base_path):
    loop = Loop(base_path, config={"no_bid_below": "0.5", "holdback_share": "0.1"})
    left_out = []
    for _ in range(6):
        loop.play()
        loop.run()
        left_out.append({tuple(values.items()) for values, _, no_bid in loop.readings[-1].table.rows if no_bid})

    assert left_out[0]
    for before, after in pairwise(left_out):
        assert before <= after  # none is bid on again in the night after
    assert spends(loop) == [within(0.03)] * len(spends(loop))
    assert_measured(loop)


def assert_measured(loop):
    """The days of the policy: rates as predicted, the control's share of the requests, and a lift that is there."""
    with connections.session() as session:
        found = realized(session, entities.find(session, loop.code))
    by_arm = {arm: [day for day in found.days if day.arm == arm] for arm in ("treated", "control")}

    assert found.following == "live"
    assert found.realized_over_predicted == pytest.approx(1.0, abs=0.05)
    assert [len(days) for days in by_arm.values()] == [5, 5]
    assert found.lift.low > 0
    true = [night.lift for night in loop.nights[1:]]
    assert found.lift.low <= sum(true) / len(true) <= found.lift.high
    day = by_arm["treated"][-1]
    assert day.rows == int((~loop.nights[-1].held).sum())  # none is counted twice, none is left out
