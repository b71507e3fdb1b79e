"""Sums by arm of a sample: the days add up exactly, the arms as well as their outcomes tell, at the cost of no scan."""

from datetime import UTC, date, datetime, timedelta
from hashlib import md5

import numpy as np
import pyarrow as pa
import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.realized.arms import ArmRules, Holdback
from rtb_optimizer.core.realized.row_bids import BidRecord, BidSource, LivePeriod
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import draw_sample
from rtb_optimizer.engines.sql.bids import bid_columns

START = datetime(2026, 3, 6, tzinfo=UTC)
DAYS = Window(START, START + timedelta(days=2))
RECORD = BidRecord(BidSource.HISTORY, (LivePeriod(7, DAYS.start, DAYS.end),))
RULE = Holdback(0.2, "auction_id", "drugs_com:")
ROWS = 40_000
SAMPLED = {"full_sample_rows": 1, "negatives_per_positive": 20}
PRICED = {"timestamp_column": "at", "cost_column": "price", "row_id_columns": ["auction_id"]}
WHOLE_AND_SAMPLED = pytest.mark.parametrize("drawn", [{}, SAMPLED], ids=["all rows", "a sample"])


def logs(seed=3, clicks=0.005):
    draw = np.random.default_rng(seed)
    second = np.sort(draw.integers(0, 2 * 86_400, ROWS))
    return {
        "auction_id": [f"id-{n}" for n in range(ROWS)],
        "at": pa.array(np.datetime64("2026-03-06", "us") + second.astype("timedelta64[s]"), pa.timestamp("us", "UTC")),
        "click": (draw.random(ROWS) < clicks).astype(np.int64),
        "price": draw.gamma(2.0, 0.001, ROWS).round(6),
    }


def held_back(ids):
    return np.array(
        [md5(f"drugs_com:{each}".encode(), usedforsecurity=False).hexdigest()[:8] < RULE.below for each in ids]
    )


@pytest.fixture
def counted(open_logs):
    """The sums by arm of some logs, and the profile's by day."""

    def count(columns, **config):
        engine, table = open_logs(columns, window=DAYS, **PRICED | config)
        bids = bid_columns(table, RECORD, ArmRules({0: RULE}))
        window = profile(engine, table)
        return draw_sample(engine, table, [], window, bids), window.by_day

    return count


def summed(by_arm, measure, *, day=None, is_control=None):
    return sum(
        getattr(each.counts, measure)
        for each in by_arm
        if day in (None, each.day) and is_control in (None, each.is_control)
    )


@WHOLE_AND_SAMPLED
def test_what_a_day_adds_up_to_over_its_arms_is_exact(counted, drawn):
    found, by_day = counted(logs(), **drawn)

    assert (found.shares.others < 1) is bool(drawn)
    for day, exact in by_day.items():
        for measure in ("exposure", "outcome", "cost"):
            assert summed(found.by_arm, measure, day=day) == pytest.approx(getattr(exact, measure), rel=1e-9)
        assert summed(found.by_arm, "rows", day=day) == pytest.approx(exact.rows, abs=16)  # each part is rounded


@WHOLE_AND_SAMPLED
def test_the_outcomes_of_an_arm_are_exact_where_every_row_with_one_is_drawn(counted, drawn):
    columns = logs()
    held = held_back(columns["auction_id"])
    found, _ = counted(columns, **drawn)

    assert summed(found.by_arm, "outcome", is_control=True) == pytest.approx(columns["click"][held].sum())


def test_where_all_rows_are_drawn_the_arms_are_exact(counted):
    columns = logs()
    held = held_back(columns["auction_id"])
    found, _ = counted(columns)

    assert summed(found.by_arm, "rows", is_control=True) == held.sum()
    assert summed(found.by_arm, "cost", is_control=True) == pytest.approx(columns["price"][held].sum())


def test_the_cost_of_an_arm_varies_less_than_its_outcomes_do(counted):
    errors, chance = [], []
    for seed in range(8):
        columns = logs(seed)
        held = held_back(columns["auction_id"])
        found, _ = counted(columns, **SAMPLED)
        exact = columns["price"][held].sum()
        errors.append(summed(found.by_arm, "cost", is_control=True) / exact - 1)
        chance.append(1 / columns["click"][held].sum())

    assert any(errors)
    assert np.mean(np.square(errors)) < 0.2 * np.mean(chance)  # of the variance of independent outcomes


@WHOLE_AND_SAMPLED
def test_the_order_of_the_rows_does_not_show(counted, drawn):
    columns = logs()
    order = pa.array(np.random.default_rng(5).permutation(ROWS))
    mixed = {name: pa.array(column).take(order) for name, column in columns.items()}

    assert counted(columns, **drawn)[0].by_arm == counted(mixed, **drawn)[0].by_arm


def test_rows_that_show_nothing_are_in_no_arm_and_their_cost_is_the_day_s(counted):
    columns = logs() | {"shown": np.r_[0, np.ones(ROWS - 1)]}
    found, by_day = counted(columns, exposure_column="shown")
    first = date(2026, 3, 6)

    assert summed(found.by_arm, "cost", day=first) == pytest.approx(by_day[first].cost)
    assert summed(found.by_arm, "exposure", day=first) == by_day[first].exposure


def test_without_a_known_bid_nothing_is_summed_by_arm(open_logs):
    engine, table = open_logs(logs(), window=DAYS, **PRICED)

    assert draw_sample(engine, table, [], profile(engine, table)).by_arm == ()
