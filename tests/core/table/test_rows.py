"""A row whose effect vanishes fades step by step: its bid does not jump back to 1 in one night."""

from dataclasses import replace

import numpy as np
import pytest

from master_table import master_table
from planted_samples import planted, sample_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.values import UNEXPANDED
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.rows import RowsBefore, SegmentRules, codes_of, codes_to_publish, table_rows

RULES = SegmentRules(max_segments=100, dead_band=0.02, bids=BidRules(0.3, 3.0, 0.8, 0.0, 1.25))
FLAT = sample_of([1.0, 0.0, 0.0, 0.0] * 400, x=["a", "a", "a", "a", "b", "b", "b", "b"] * 200)


def row(value, previous, rules=RULES, sample=FLAT):
    """The multiplier of a value's row in a table that moves from `previous`, None where it has no row."""
    model = fit(sample, {"x": 8.0})
    table = master_table(model, sample, {"x": {}}, Counts(1600, 1600, 400, 0, 0), rules, previous)
    return next((s.multiplier for s in table if s.pattern == (value,)), None)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (3.0, 3.0 / 1.25),
        (0.4, 0.4 * 1.25),
        (1.3, 1.3 / 1.25),
        (1.25, None),
        (0.8, None),
        (1.0, None),
    ],
)
def test_a_value_that_lost_its_effect_steps_toward_1_and_then_goes(before, now):
    multiplier = row("a", {frozenset({("x", "a")}): before})

    assert multiplier == (None if now is None else pytest.approx(now))


def test_without_a_limit_a_fading_row_goes_at_once():
    free = replace(RULES, bids=replace(RULES.bids, max_movement=1000.0))

    assert row("a", {frozenset({("x", "a")}): 3.0}, free) is None
    assert row("a", None) is None


def test_a_fading_row_goes_before_more_informative_ones():
    sample = planted()
    model, tight = fit(sample, {"site": 4.0}), replace(RULES, max_segments=2)
    most_informative = codes_to_publish(model, sample, tight, None)["site"]
    fading = frozenset({("site", "site4")})

    assert [sample.features["site"].values[code] for code in most_informative] != ["site4"]
    moving = codes_to_publish(model, sample, tight, RowsBefore({fading: 2.5}))["site"]
    assert [sample.features["site"].values[code] for code in moving] == ["site4"]


def test_rows_of_an_interaction_are_found_by_what_they_give_whatever_their_order():
    sample = with_interactions(sample_of([1.0, 0.0] * 50, a=["x", "y|"] * 50, b=["1", "2"] * 50), [("a", "b")])
    model = fit(sample, {"a": 1.0, "b": 1.0, "a|b": 1.0})
    moving = codes_of([frozenset({("b", "2"), ("a", "y|")})], model, sample)

    assert [sample.features["a|b"].values[code] for code in moving["a|b"]] == ["y\\||2"]
    assert len(moving["a"]) == len(moving["b"]) == 0


def test_what_the_model_or_the_logs_do_not_have_has_no_code():
    model = fit(FLAT, {"x": 8.0})
    gone = [frozenset({("y", "a")}), frozenset({("x", "never")}), frozenset({("x", "a"), ("y", "b")})]

    assert np.concatenate(list(codes_of(gone, model, FLAT).values())).size == 0


def test_an_unexpanded_macro_is_not_kept_moving():
    sample = sample_of([1.0, 0.0] * 50, x=[UNEXPANDED, "b"] * 50)
    moving = codes_of([frozenset({("x", UNEXPANDED)})], fit(sample, {"x": 1.0}), sample)

    assert moving["x"].size == 0


@pytest.mark.parametrize(
    ("insignificant", "follows"),
    [((), {"site": True, "device": True}), (("device",), {"site": True, "device": False})],
)
def test_bids_follow_the_factors_of_features_whose_gain_is_significant_and_the_interval_is_published_all_the_same(
    insignificant, follows
):
    sample = planted()
    model = fit(sample, {"site": 4.0, "device": 8.0})
    bids = BidRules(0.01, 100.0, confidence=0.0, no_bid_below=0.5)
    codes = codes_to_publish(model, sample, replace(RULES, bids=bids), None)

    rows = table_rows(model, sample, codes, bids, insignificant=insignificant)
    cautious = table_rows(model, sample, codes, replace(bids, confidence=0.8))
    for name, of_factor in rows.items():
        theta = model.factors[name].theta[of_factor.codes]
        assert of_factor.multiplier.tolist() == (theta if follows[name] else cautious[name].multiplier).tolist()
        assert of_factor.low.tolist() == cautious[name].low.tolist()
        assert of_factor.high.tolist() == cautious[name].high.tolist()
        assert of_factor.no_bid.tolist() == cautious[name].no_bid.tolist() == (of_factor.high < 0.5).tolist()


@pytest.mark.parametrize(("was_left_out", "is_left_out"), [(False, False), (True, True)])
def test_a_segment_without_a_bid_stays_so_until_it_is_certainly_worth_one(was_left_out, is_left_out):
    few = sample_of([1.0, *[0.0] * 19, *[1.0, 0.0, 0.0, 0.0] * 200], x=["rare"] * 20 + ["usual"] * 800)
    model, bids = fit(few, {"x": 2.0}), replace(RULES.bids, no_bid_below=0.5)
    before = RowsBefore({}, {frozenset({("x", "rare")})} if was_left_out else ())
    codes = codes_to_publish(model, few, replace(RULES, bids=bids), before)
    rows = table_rows(model, few, codes, bids, before)["x"]
    rare = list(few.features["x"].values).index("rare")

    assert bool(rows.no_bid_by_code[rare]) is is_left_out
