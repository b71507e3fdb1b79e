"""What a row cost over its bid comes with the sample, and says of real logs why they are not replayed."""

from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from checkout import CHECKOUT
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.table.second_price import replayed
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import draw_sample

CAMPAIGNS = CHECKOUT.parent / "shared" / "data" / "ipinyou_1458_3386.parquet"
BOTH = {"cost_column": "paid", "bid_column": "bid"}


def drawn(open_logs, columns, **config):
    engine, table = open_logs(columns, **config)
    return draw_sample(engine, table, [], profile(engine, table)).sample


@pytest.mark.parametrize(
    ("paid", "bid", "share"),
    [
        (1.0, 4.0, 0.25),
        (4.0, 4.0, 1.0),
        (5.0, 4.0, None),
        (0.0, 4.0, None),
        (-1.0, 4.0, None),
        (None, 4.0, None),
        (1.0, None, None),
        (1.0, 0.0, None),
        (float("nan"), 4.0, None),
    ],
)
def test_a_row_paid_a_share_of_its_bid_where_both_are_known(open_logs, paid, bid, share):
    sample = drawn(open_logs, {"click": [1, 0], "paid": [paid, 2.0], "bid": [bid, 4.0]}, **BOTH)
    found = sorted((None if np.isnan(each) else float(each) for each in sample.paid_share), key=str)

    assert found == sorted([share, 0.5], key=str)


def test_without_logged_bids_no_row_has_a_share(open_logs):
    assert drawn(open_logs, {"click": [1, 0], "paid": [1.0, 2.0]}, cost_column="paid").paid_share is None


@pytest.mark.skipif(not CAMPAIGNS.exists(), reason="the real logs are not beside the checkout")
@pytest.mark.parametrize("campaign", [1458, 3386])
def test_two_real_campaigns_lack_the_prices_of_their_clicks_and_are_not_replayed(open_logs, campaign):
    logs = pq.read_table(CAMPAIGNS, filters=[("advertiser", "=", campaign)])
    sample = drawn(
        open_logs,
        {"part-0.parquet": logs},
        window=Window(datetime(2013, 6, 1, tzinfo=UTC), datetime(2013, 7, 1, tzinfo=UTC)),
        timestamp_column="ts",
        row_id_columns=["bidid"],
        weight_column="weight",
        cost_column="payprice",
        bid_column="bidprice",
    )
    found = replayed(sample, {"all ones": np.ones(len(sample.spend)), "this run": np.full(len(sample.spend), 0.5)})

    assert np.isfinite(sample.paid_share).sum() > 0.7 * len(sample.paid_share)
    assert found.policies == ()
    assert found.abstains == "the price of 100% of the outcomes is not known"
