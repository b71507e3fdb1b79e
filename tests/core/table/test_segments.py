"""The master table: the default row first, then the rows that differ from it."""

from dataclasses import replace

import numpy as np
import pytest

from master_table import master_table
from planted_samples import feature, planted, sample_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.sample import sum_by
from rtb_optimizer.core.sample.values import UNEXPANDED, segment_key
from rtb_optimizer.core.table.bidding import BidRules, Tier
from rtb_optimizer.core.table.rows import SegmentRules

RULES = SegmentRules(max_segments=1_000, dead_band=0.02, bids=BidRules(0.3, 3.0, 0.8))
PRIORS = {"site": 4.0, "device": 8.0}


def exact(sample, name):
    column = sample.features[name]
    rows, outcome = (sum_by(column.codes, w, len(column.values)) for w in (sample.exposure, sample.outcome))
    cells = zip(column.values, rows, outcome, strict=True)
    return {value: Counts(int(n), float(n), float(k), 0.0, float(n)) for value, n, k in cells}


def table(sample, priors=PRIORS, rules=RULES, previous=None):
    n, k = float(sample.exposure.sum()), float(sample.outcome.sum())
    counted = {name: exact(sample, name) for name in priors}
    return master_table(fit(sample, priors), sample, counted, Counts(int(n), n, k, 0.0, n), rules, previous)


def served(segments, sample, priors, rules):
    """Multiply a table as its reader would: by the keys alone, row by row."""
    default, *rows = segments
    product = np.full(len(sample.exposure), default.multiplier)
    for position, name in enumerate(priors):
        by_value = {s.pattern[position]: s.multiplier for s in rows if s.pattern[position] is not None}
        values = np.array([by_value.get(value, 1.0) for value in sample.features[name].values])
        product = product * values[sample.features[name].codes]
    return np.clip(product, rules.bids.minimum, rules.bids.maximum)


def test_the_default_row_is_first_and_the_only_one_that_matches_everything():
    segments = table(planted())

    assert segments[0].is_default
    assert segment_key(segments[0].pattern) == "*|*"
    assert [s.is_default for s in segments[1:]] == [False] * (len(segments) - 1)
    assert (segments[0].factor, segments[0].factor_low, segments[0].factor_high) == (1, 1, 1)
    assert segments[0].expected == pytest.approx(segments[0].counts.exposure * fit(planted(), PRIORS).base)


def test_rows_come_by_feature_order_then_by_falling_exposure():
    segments = table(planted())[1:]
    depths = [0 if s.pattern[0] is not None else 1 for s in segments]

    assert depths == sorted(depths)
    assert set(depths) == {0, 1}
    for depth in (0, 1):
        exposures = [s.counts.exposure for s, d in zip(segments, depths, strict=True) if d == depth]
        assert exposures == sorted(exposures, reverse=True)


def test_no_two_rows_share_a_key_and_each_gives_one_value():
    segments = table(planted())

    assert len({segment_key(s.pattern) for s in segments}) == len(segments)
    assert all(sum(part is not None for part in s.pattern) == 1 for s in segments[1:])


def test_a_row_has_the_exact_counts_not_the_samples():
    sample = planted()
    counted = {name: {v: Counts(7, 8.0, 9.0, 10.0, 11.0) for v in sample.features[name].values} for name in PRIORS}
    segments = master_table(fit(sample, PRIORS), sample, counted, Counts(1, 2, 3, 4, 5), RULES)

    assert {s.counts for s in segments[1:]} == {Counts(7, 8.0, 9.0, 10.0, 11.0)}
    assert segments[0].counts == Counts(1, 2, 3, 4, 5)


def test_a_value_that_the_exact_pass_does_not_know_has_no_counts_and_no_error():
    sample = planted()
    segments = master_table(fit(sample, PRIORS), sample, {"site": {}, "device": {}}, Counts(1, 2, 3, 4, 5), RULES)

    assert {s.counts for s in segments[1:]} == {Counts(0, 0, 0, 0, 0)}


def test_a_factor_lies_within_its_interval_and_the_multiplier_between_it_and_1():
    for segment in table(planted())[1:]:
        assert segment.factor_low < segment.factor < segment.factor_high
        assert min(segment.factor, 1) <= segment.multiplier <= max(segment.factor, 1)


def test_a_tier_follows_the_positives_of_the_row_not_its_exposures():
    values = ["few"] * 1_000 + ["some"] * 1_000 + ["many"] * 1_000
    outcome = [1.0] * 9 + [0.0] * 991 + [1.0] * 99 + [0.0] * 901 + [1.0] * 100 + [0.0] * 900
    segments = table(sample_of(outcome, value=values), {"value": 1.0})

    tiers = {s.pattern[0]: s.tier for s in segments}
    assert tiers == {None: Tier.HIGH, "few": Tier.LOW, "some": Tier.MEDIUM, "many": Tier.HIGH}


@pytest.mark.parametrize("dead_band", [0.0, 0.02, 0.2, 0.5])
def test_a_factor_within_the_dead_band_gets_no_row_and_one_outside_does(dead_band):
    sample = planted()
    segments = table(sample, rules=replace(RULES, dead_band=dead_band))

    thetas = np.concatenate([factor.theta for factor in fit(sample, PRIORS).factors.values()])
    assert all(abs(s.factor - 1) >= dead_band for s in segments[1:])
    assert len(segments) - 1 == (np.abs(thetas - 1) >= dead_band).sum()


@pytest.mark.parametrize("most", [1, 2, 4, 6])
def test_there_are_never_more_segments_than_allowed_and_the_most_informative_stay(most):
    everything = table(planted())
    segments = table(planted(), rules=replace(RULES, max_segments=most))

    def information(s):
        return s.expected * (s.factor * np.log(s.factor) - s.factor + 1)

    most_informative = sorted(everything[1:], key=information, reverse=True)[: most - 1]
    assert len(segments) == most
    assert {s.pattern for s in segments[1:]} == {s.pattern for s in most_informative}


def test_an_unexpanded_macro_is_never_a_row():
    sample = planted()
    site = sample.features["site"]
    unexpanded = replace(site, values=(*site.values[:-1], UNEXPANDED))
    segments = table(
        replace(sample, features={**sample.features, "site": unexpanded}), rules=replace(RULES, dead_band=0)
    )

    assert UNEXPANDED not in {part for s in segments for part in s.pattern}
    assert "site6" in {part for s in segments for part in s.pattern}


@pytest.mark.parametrize("most", [1_000, 4])
@pytest.mark.parametrize("bounds", [(0.3, 3.0), (0.8, 1.25)])
def test_a_reader_of_the_table_keeps_the_bounds_and_the_spend(most, bounds):
    sample = planted()
    sample = replace(sample, spend=np.random.default_rng(8).exponential(1.0, len(sample.exposure)))
    rules = replace(RULES, max_segments=most, bids=BidRules(*bounds, 0.8))
    bids = served(table(sample, rules=rules), sample, PRIORS, rules)

    assert bids.min() >= bounds[0]
    assert bids.max() <= bounds[1]
    assert (bids * sample.spend).sum() == pytest.approx(sample.spend.sum(), rel=1e-6)
    assert bids.std() > 0.01


def pattern_of(segment):
    return frozenset((name, value) for name, value in zip(PRIORS, segment.pattern, strict=True) if value is not None)


@pytest.mark.parametrize("max_movement", [1.05, 1.25, 2.0])
def test_rows_move_at_most_so_far_from_the_active_run_and_one_that_is_new_from_1(max_movement):
    sample = planted()
    free = {pattern_of(s): s.multiplier for s in table(sample)[1:]}
    draw = np.random.default_rng(4)
    previous = {key: float(np.exp(draw.normal(0, 1.5))) for key in sorted(free, key=sorted)[::2]}
    rules = replace(RULES, bids=replace(RULES.bids, max_movement=max_movement))

    held = {pattern_of(s): s.multiplier for s in table(sample, rules=rules, previous=previous)[1:]}

    assert held.keys() == free.keys()
    for key, multiplier in held.items():
        before = previous.get(key, 1.0)
        reached = np.clip(free[key], before / max_movement, before * max_movement)
        assert multiplier == pytest.approx(np.clip(reached, 0.3, 3.0))
    assert held != free


def test_steps_lead_to_where_bids_would_have_gone_at_once_and_the_spend_stays():
    sample = planted()
    free = {pattern_of(s): s.multiplier for s in table(sample)[1:]}
    rules = replace(RULES, bids=replace(RULES.bids, max_movement=1.5))
    previous = {}
    for _ in range(4):  # 1.5 ** 4 is beyond both bounds
        segments = table(sample, rules=rules, previous=previous)
        previous = {pattern_of(s): s.multiplier for s in segments[1:]}
        bids = served(segments, sample, PRIORS, rules)
        assert (bids * sample.spend).sum() == pytest.approx(sample.spend.sum(), rel=1e-6)

    assert previous == pytest.approx(free)


@pytest.mark.parametrize("below", [0.0, 0.3, 0.5, 0.7])
def test_no_bid_is_flagged_on_rows_that_are_certainly_below_and_on_no_other(below):
    segments = table(planted(), rules=replace(RULES, bids=replace(RULES.bids, no_bid_below=below)))

    assert [s.no_bid for s in segments[1:]] == [s.factor_high < below for s in segments[1:]]
    assert any(s.no_bid for s in segments) == (below >= 0.5)
    assert not segments[0].no_bid


def test_better_values_get_higher_bids():
    sample = planted()
    by_site = {s.pattern[0]: s.multiplier for s in table(sample) if s.pattern[0] is not None}

    assert by_site["site7"] > by_site["site6"] > 1 > by_site["site1"] > by_site["site0"]


def test_a_value_that_is_the_wildcards_letter_is_distinct_from_the_default():
    sample = sample_of([1.0] * 200 + [0.0] * 800, value=["*"] * 300 + ["b"] * 700)
    segments = table(sample, {"value": 1.0})

    assert {segment_key(s.pattern) for s in segments} == {"*", "\\*", "b"}
    assert [s.is_default for s in segments] == [True, False, False]


def test_without_features_the_table_is_the_default_row_at_the_level_bids_have():
    segments = table(planted(), {})

    assert [(s.pattern, s.is_default) for s in segments] == [((), True)]
    assert segments[0].multiplier == pytest.approx(1.0)


def test_without_outcomes_the_table_is_the_default_row_alone():
    sample = replace(planted(rows=500), outcome=np.zeros(500))
    segments = table(sample)

    assert [(s.expected, s.tier) for s in segments] == [(0.0, Tier.LOW)]
    assert segments[0].multiplier == pytest.approx(1.0)


def test_the_order_of_values_in_the_sample_changes_no_row():
    sample = planted(rows=5_000)
    turned = {name: feature([f.values[c] for c in f.codes][::-1]) for name, f in sample.features.items()}
    backwards = replace(sample, outcome=sample.outcome[::-1], fold=sample.fold[::-1], features=turned)

    one, other = table(sample), table(backwards)

    assert [s.pattern for s in one] == [s.pattern for s in other]
    assert [s.multiplier for s in one] == pytest.approx([s.multiplier for s in other], rel=1e-9)
