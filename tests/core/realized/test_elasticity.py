"""Whether bids follow the table, by what changed when another one went live."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.realized.elasticity import NOTHING_KNOWN, Following, Response, updated
from rtb_optimizer.core.sample.sample import Bought, sum_by
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable
from rtb_optimizer.core.table.rows import SegmentRules

RULES = SegmentRules(max_segments=100, dead_band=0.0, bids=BidRules(0.1, 10.0, 0.0))
SITES = tuple(f"site{n}" for n in range(12))
MULTIPLIERS = np.geomspace(0.4, 2.5, len(SITES))
TRAFFIC = 2_000.0
"""Requests of each site in each window."""


def table(exposures, bought_at=None):
    """A table with a row a site: its exposures, and the multipliers that they were bought at (1 by default)."""
    paid = np.ones(len(SITES)) if bought_at is None else bought_at
    rows = {}
    for site, n, bid in zip(SITES, exposures, paid, strict=True):
        pattern = frozenset([("site", site)])
        rows[pattern] = PublishedRow(site, pattern, float(n), 10.0, 10.0, 1.0, 1.0, bought_at=float(bid))
    total = float(np.sum(exposures))
    mean = float(np.exp(np.sum(exposures * np.log(paid)) / total))
    return PublishedTable(("site",), frozenset([frozenset(["site"])]), rows, 1.0, RULES, exposure=total, bought_at=mean)


def window(power, seed=3, spread=0.0, bids=MULTIPLIERS, growth=1.0):
    """Rows of a window whose volume follows the multipliers to a power, and how they were bought by the elasticity."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(TRAFFIC * growth * bids**power * np.exp(rng.normal(0, spread, len(SITES))))
    sites = np.repeat(SITES, counts)
    sample = sample_of(np.zeros(len(sites)), fold=np.zeros(len(sites), dtype=int), site=sites)
    paid = np.array([bids[SITES.index(sample.features["site"].values[code])] for code in sample.features["site"].codes])
    return sample, paid_by(paid)


def paid_by(paid):
    return lambda elasticity: Bought(paid, paid**elasticity, elasticity)


BEFORE = table(np.full(len(SITES), TRAFFIC))


@pytest.mark.parametrize(
    ("power", "following", "assumed"),
    [(1.0, Following.LIVE, 1.0), (0.5, Following.LIVE, 0.5), (0.0, Following.NOT_LIVE, 1.0)],
    ids=["reads the table", "takes the square root", "ignores the table"],
)
@pytest.mark.parametrize("growth", [0.6, 1.0, 1.7])
def test_one_night_after_an_activation_tells_whether_bids_follow(power, following, assumed, growth):
    found = updated(NOTHING_KNOWN, BEFORE, *window(power, growth=growth))
    low, high = found.interval

    assert low < power < high
    assert found.following is following
    assert found.assumed == pytest.approx(assumed, abs=0.1)


def test_the_interval_covers_the_truth_where_values_vary_from_day_to_day():
    """Counting alone would leave 1 out of most of these intervals: a spread of 0.3 is thirteen standard errors."""
    intervals = [updated(NOTHING_KNOWN, BEFORE, *window(1.0, seed, spread=0.3)).interval for seed in range(40)]
    covered = sum(low <= 1 <= high for low, high in intervals)

    assert covered >= 34
    assert max(high - low for low, high in intervals) < 2


def test_evidence_accrues_over_nights():
    known = updated(NOTHING_KNOWN, BEFORE, *window(1.0, 1, spread=0.2))
    more = updated(known, BEFORE, *window(1.0, 2, spread=0.2))

    assert more.precision > known.precision
    assert more.interval[1] - more.interval[0] < known.interval[1] - known.interval[0]


def test_a_bidder_that_stops_reading_is_noticed_though_the_table_is_the_same():
    followed, paid = window(1.0)
    known = updated(NOTHING_KNOWN, BEFORE, followed, paid)
    yesterday = table(TRAFFIC * MULTIPLIERS, bought_at=MULTIPLIERS)
    ignored, _ = window(0.0, seed=9)
    told = MULTIPLIERS[[SITES.index(ignored.features["site"].values[code]) for code in ignored.features["site"].codes]]
    after = updated(known, yesterday, ignored, paid_by(told))

    assert known.following is Following.LIVE
    assert after.following is Following.NOT_LIVE
    assert abs(after.elasticity) < 0.1  # the mean of both would be a half


def test_the_same_table_bought_the_same_way_changes_nothing_that_is_known():
    known = updated(NOTHING_KNOWN, BEFORE, *window(1.0))
    yesterday = table(TRAFFIC * MULTIPLIERS, bought_at=MULTIPLIERS)
    again = updated(known, yesterday, *window(1.0, seed=11))

    assert again.following is Following.LIVE
    assert again.elasticity == pytest.approx(known.elasticity, abs=0.05)


@pytest.mark.parametrize(
    "unknown",
    ["no row of the table", "features that the logs lack", "few exposures"],
)
def test_nothing_is_learned_where_there_is_nothing_to_compare(unknown):
    sample, paid = window(1.0)
    before = {
        "no row of the table": replace(BEFORE, rows={}),
        "features that the logs lack": replace(BEFORE, features=("device",)),
        "few exposures": table(np.full(len(SITES), 5.0)),
    }[unknown]

    assert updated(NOTHING_KNOWN, before, sample, paid) == NOTHING_KNOWN


def test_without_evidence_twice_the_bid_buys_twice_as_much():
    assert NOTHING_KNOWN.interval == (-inf, inf)
    assert NOTHING_KNOWN.following is Following.UNKNOWN
    assert NOTHING_KNOWN.assumed == 1.0


@pytest.mark.parametrize(
    ("response", "assumed"),
    [
        (Response(0.5, 400.0), 0.5),
        (Response(0.6, 400.0), 0.6),
        (Response(1.4, 400.0), 1.4),
        (Response(0.9, 2_500.0), 0.9),
        (Response(1.15, 2_500.0), 1.15),
        (Response(0.95, 400.0), 1.0),  # 1 may be the truth
        (Response(0.5, 9.0), 1.0),  # the interval is too wide
        (Response(0.02, 400.0), 1.0),  # bids do not follow at all
    ],
)
def test_a_measured_elasticity_replaces_one_only_where_one_is_certainly_wrong(response, assumed):
    assert response.assumed == assumed


HELD_BACK = 0.1
DEVICES = ("phone", "desktop", "tablet")


def mixed_window(power, seed=3, night=0):
    """Rows of a window in which a site's bids differ by device, a tenth is held back, and a third is not bid on.

    From the second night of a seed on, bids move by a fiftieth.
    """
    rng = np.random.default_rng(seed)
    bids = np.outer(3 * MULTIPLIERS, [2.5, 1.0, 0.3])
    is_treated = (1 - HELD_BACK) * (rng.random(bids.shape) > 1 / 3)
    if night:
        rng = np.random.default_rng([seed, night])
        bids *= np.exp(rng.normal(0, 0.02, bids.shape))

    def volume(elasticity):
        return is_treated * bids**elasticity + HELD_BACK

    counts = rng.poisson(TRAFFIC / len(DEVICES) * volume(power))
    site, device = (np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape))
    values = {"site": np.array(SITES)[site], "device": np.array(DEVICES)[device]}
    sample = sample_of(np.zeros(len(site)), fold=np.zeros(len(site), dtype=int), **values)
    return sample, lambda power: Bought(bids[site, device], volume(power)[site, device], power)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("power", [0.4, 0.5, 0.7, 1.0, 1.4])
def test_bids_that_differ_within_a_value_or_are_held_back_or_not_made_hide_nothing(power, seed):
    """By the bids as they would be for a power of 1, the square root's elasticity of 0.5 would look like 0.7."""
    assert updated(NOTHING_KNOWN, BEFORE, *mixed_window(power, seed)).elasticity == pytest.approx(power, abs=0.05)


def test_a_value_without_a_bid_is_no_evidence():
    """The holdback buys it, whatever the elasticity."""
    left_out = {"site0", "site1", "site2"}
    rows = {pattern: replace(row, no_bid=dict(pattern)["site"] in left_out) for pattern, row in BEFORE.rows.items()}
    known = [updated(NOTHING_KNOWN, before, *window(0.5)) for before in (BEFORE, replace(BEFORE, rows=rows))]

    assert known[1].precision < known[0].precision
    assert known[1].elasticity == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("power", [0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_nights_of_nearly_the_same_table_do_not_draw_the_elasticity_to_zero(seed, power):
    """A site's bid is estimated from its rows: without a correction, its error passes for a change without effect."""
    before, known = BEFORE, NOTHING_KNOWN
    for night in range(14):
        sample, by_elasticity = mixed_window(power, seed, night)
        known = updated(known, before, sample, by_elasticity)
        bought = by_elasticity(known.assumed)
        site = sample.features["site"]
        exposures = sum_by(site.codes, sample.exposure, len(site.values))
        paid = bought.multiplier_of(sample.exposure, site.codes, len(site.values))
        order = [site.values.index(each) for each in SITES]
        before = table(exposures[order], bought_at=paid[order])

    assert known.elasticity == pytest.approx(power, abs=0.05)
