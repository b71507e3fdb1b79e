"""A joint table answers one key: with the longest prefix that has a row, and with the master table's prediction."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import planted, sample_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.sample.values import UNEXPANDED
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.joint import JointRules, compile_joint, rates_by_keys

BIDS = BidRules(0.3, 3.0, 0.8)
RULES = JointRules(max_rows=1_000, min_exposures=50, dead_band=0.02, bids=BIDS)


def compiled(sample, features, rules=RULES, priors=None):
    rates = fit(sample, priors or {"site": 4, "device": 8}).rates(sample)
    product = rates / (sample.outcome.sum() / sample.exposure.sum())
    return rates, compile_joint(sample, features, rates * sample.exposure, product, rules)


def answers(table):
    """The table's rows by key."""
    rows = {}
    for depth, level in enumerate(table.by_depth, start=1):
        rows |= dict(zip(table.prefixes(depth), zip(level.rate, level.multiplier, strict=True), strict=True))
    return rows


def looked_up(table, sample):
    """The rates of all keys."""
    return [*rates_by_keys(table, sample)][-1]


def test_a_key_of_all_features_agrees_with_the_master_table():
    sample = planted()
    rates, table = compiled(sample, ["site", "device"])

    assert looked_up(table, sample) == pytest.approx(rates, rel=0.15)
    assert np.corrcoef(looked_up(table, sample), rates)[0, 1] > 0.99


def test_a_shorter_key_has_the_mean_of_what_it_does_not_distinguish():
    sample = planted()
    rates, table = compiled(sample, ["site"])

    for code, value in enumerate(sample.features["site"].values):
        rows = sample.features["site"].codes == code
        assert answers(table)[(value,)][0] == pytest.approx(rates[rows].mean(), rel=0.1)


def test_a_cell_with_too_few_exposures_falls_back_to_its_prefix():
    sample = planted()
    _, table = compiled(sample, ["site", "device"], replace(RULES, min_exposures=1_000))

    assert {len(key) for key in answers(table)} == {1}
    assert len(set(looked_up(table, sample))) <= 8


def test_a_light_cell_has_the_product_of_its_rows_and_no_heavy_one_changes():
    sample = planted()
    rates, light = compiled(sample, ["site", "device"], replace(RULES, min_exposures=1_000, light_exposures=50))
    _, heavy = compiled(sample, ["site", "device"], replace(RULES, min_exposures=1_000))
    level = sample.outcome.sum() / sample.exposure.sum()

    assert {len(key) for key in answers(light)} == {1, 2}
    assert {key: row for key, row in answers(light).items() if len(key) == 1} == answers(heavy)
    assert looked_up(light, sample) == pytest.approx(rates, rel=RULES.dead_band * 1.01)
    assert [bid for key, (_, bid) in answers(light).items() if len(key) == 2] == pytest.approx(
        [min(max(rate / level, 0.3), 3.0) for key, (rate, _) in answers(light).items() if len(key) == 2]
    )


def test_a_cell_lighter_than_any_row_may_be_falls_back_to_its_prefix():
    sample = planted()
    _, table = compiled(sample, ["site", "device"], replace(RULES, min_exposures=1_000, light_exposures=900))

    assert {len(key) for key in answers(table)} == {1}


def test_fewer_keys_are_answered_as_by_a_table_of_these_alone():
    sample = planted()
    _, table = compiled(sample, ["site", "device"])
    first = replace(table, features=table.features[:1], by_depth=table.by_depth[:1])

    by_site, by_both = rates_by_keys(table, sample)

    assert by_site.tolist() == looked_up(first, sample).tolist()
    assert len(set(by_site)) < len(set(by_both))


def test_an_unseen_value_is_answered_by_the_default():
    sample = planted()
    _, table = compiled(sample, ["site"])
    strange = Feature(np.array([8]), (*sample.features["site"].values, "nowhere"))
    stranger = replace(sample_of([0.0]), features={"site": strange})

    assert looked_up(table, stranger)[0] == pytest.approx(sample.outcome.sum() / sample.exposure.sum())


@pytest.mark.parametrize("most", [1, 2, 5, 9])
def test_there_are_never_more_rows_than_allowed_and_the_default_counts(most):
    _, table = compiled(planted(), ["site", "device"], replace(RULES, max_rows=most))

    assert table.rows <= most


def test_a_cell_that_agrees_with_its_prefix_gets_no_row():
    """A copy distinguishes nothing: its cells are its sites, and are left to them."""
    _, table = compiled(planted(), ["site", "site_copy"])

    assert {len(key) for key in answers(table)} == {1}


def test_an_interaction_that_the_master_table_lacks_is_seen_in_the_joint_cells():
    draw = np.random.default_rng(5)
    a, b = draw.integers(0, 2, 40_000), draw.integers(0, 2, 40_000)
    good = a == b
    sample = sample_of((draw.random(40_000) < np.where(good, 0.09, 0.01)).astype(float), a=a, b=b)
    _, table = compiled(sample, ["a", "b"], priors={"a": 8, "b": 8})

    assert answers(table)[("0", "0")][0] == pytest.approx(0.09, rel=0.15)
    assert answers(table)[("0", "1")][0] == pytest.approx(0.01, rel=0.3)
    assert answers(table)[("0", "0")][1] > 1.3
    assert answers(table)[("0", "1")][1] < 0.7


def test_an_unexpanded_macro_is_no_part_of_a_key():
    sample = sample_of([1.0] * 200 + [0.0] * 200, site=["x"] * 200 + [UNEXPANDED] * 200)
    _, table = compiled(sample, ["site"], priors={"site": 1})

    assert set(answers(table)) <= {("x",)}


def test_multipliers_keep_the_bounds():
    _, table = compiled(planted(), ["site", "device"])

    assert all(BIDS.minimum <= bid <= BIDS.maximum for _, bid in answers(table).values())


def test_a_cell_of_nothing_but_rows_without_a_bid_has_none_and_the_others_keep_the_bounds():
    sample = planted()
    rates = fit(sample, {"site": 4, "device": 8}).rates(sample)
    barred = (sample.features["site"].codes == 2) & (sample.features["device"].codes == 1)
    product = np.where(barred, 0.0, 1.0)
    table = compile_joint(sample, ["site", "device"], rates * sample.exposure, product, RULES)

    assert [key for key, (_, bid) in answers(table).items() if bid == 0] == [("site2", "device1")]
    assert all(BIDS.minimum <= bid <= BIDS.maximum for _, bid in answers(table).values() if bid)


def test_a_cell_on_which_nothing_was_spent_is_bid_what_its_rows_are():
    sample = planted()
    free = sample.features["site"].codes == 7
    product = np.where(free, 2.0, 1.0)
    unpaid = replace(sample, spend=np.where(free, 0.0, sample.spend))
    table = compile_joint(unpaid, ["site"], fit(sample, {"site": 4}).rates(sample) * sample.exposure, product, RULES)

    assert answers(table)[("site7",)][1] == pytest.approx(2.0)


@pytest.mark.parametrize(("min_z", "follows"), [(0.0, True), (1e9, False)])
def test_a_residual_is_bid_in_full_where_its_gain_is_significant_and_else_by_its_interval(min_z, follows):
    sample = planted().by_fold()
    flat = np.full(len(sample.exposure), sample.outcome.sum() / sample.exposure.sum()) * sample.exposure
    rules = replace(RULES, bids=BidRules(0.01, 100.0, confidence=0.0, min_z=min_z))
    cautious = replace(RULES, bids=BidRules(0.01, 100.0, confidence=0.8))
    even = np.ones(len(sample.exposure))

    bold, cautious = (answers(compile_joint(sample, ["site", "device"], flat, even, r)) for r in (rules, cautious))
    mean = flat.sum() / sample.exposure.sum()
    residuals = {key: rate / mean for key, (rate, _) in bold.items()}
    expected = residuals if follows else {key: multiplier for key, (_, multiplier) in cautious.items()}
    common = bold.keys() & cautious.keys()
    assert {key: bold[key][1] for key in common} == pytest.approx({key: expected[key] for key in common})


@pytest.mark.parametrize(
    ("most", "kept"), [(1, []), (2, ["a"]), (3, ["a", "b"]), (4, ["a", "b", "c"]), (9, list("abcd"))]
)
def test_of_cells_that_differ_equally_the_first_have_the_rows(most, kept):
    site = list("dcba") * 50
    sample = sample_of(np.zeros(200), site=site)
    expected = np.where(np.isin(site, ["a", "b"]), 0.5, 0.25)

    table = compile_joint(sample, ["site"], expected, np.ones(200), JointRules(most, 1, 0.0, BIDS))

    assert [value for (value,) in table.prefixes(1)] == kept
