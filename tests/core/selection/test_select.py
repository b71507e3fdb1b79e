"""What is worth it is chosen, in order; everything else has its reason."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import DEVICE_FACTORS, SITE_FACTORS, feature, planted, reordered, sample_of
from rtb_optimizer.core.model.pooling import Centre, PooledFeature
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.interactions import SHRINKING
from rtb_optimizer.core.selection.rejection import Reason, screen
from rtb_optimizer.core.selection.select import SelectionRules, select

RULES = SelectionRules(max_features=8, min_signal_score=0.0005, min_z=3, min_positives=50, leak_score=0.25)
V3_RULES = SelectionRules(max_features=12, min_signal_score=0.0001, min_z=2.25, min_positives=50, leak_score=0.55)
CANDIDATES = ("random_id", "noise", "device", "site", "leak")


def names(selection):
    return [feature.name for feature in selection.chosen]


def reasons(selection):
    return {rejected.name: rejected.reason for rejected in selection.rejected}


@pytest.mark.parametrize("seed", range(4))
def test_planted_signal_is_chosen_strongest_first_and_nothing_else(seed):
    selection = select(planted(seed), CANDIDATES, [], RULES)

    assert names(selection) == ["site", "device"]
    assert [feature.order for feature in selection.chosen] == [1, 2]
    assert reasons(selection) == {
        "leak": Reason.LEAK_SUSPECTED,
        "noise": Reason.NO_GAIN,
        "random_id": Reason.NO_GAIN,
    }


def test_a_redundant_copy_is_rejected_as_redundant_and_noise_is_not():
    selection = select(planted(), ["site", "site_copy", "noise"], [], RULES)

    assert names(selection) == ["site"]
    assert reasons(selection) == {"site_copy": Reason.REDUNDANT, "noise": Reason.NO_GAIN}


def test_of_two_equal_candidates_the_one_with_the_smaller_name_is_chosen_whatever_their_order():
    for order in (["site", "site_copy"], ["site_copy", "site"]):
        assert names(select(planted(), order, [], RULES)) == ["site"]


def test_whatever_passes_is_significant_and_an_anchor_may_not_be():
    """Fewer outcomes ask for less: what was chosen by that is not doubted by the z that many outcomes would ask."""
    few = planted(rows=6_000)
    z_of = {feature.name: feature.z for feature in select(few, ["site", "device"], [], replace(RULES, min_z=0)).chosen}
    rules = replace(RULES, min_z=z_of["device"] + 0.05, min_positives=0)

    selection = select(few, ["site", "device"], ["noise"], rules)

    assert rules.min_z_of(float(few.outcome.sum())) < z_of["device"] < rules.min_z
    assert {feature.name: feature.is_significant for feature in selection.chosen} == {
        "noise": False,
        "site": True,
        "device": True,
    }


def test_signal_that_only_shows_beside_another_feature_is_found():
    """The better device is seen where the worse site is: alone it has no gain (Simpson's paradox)."""
    draw = np.random.default_rng(7)
    good_device = draw.random(60_000) < 0.5
    good_site = draw.random(60_000) < np.where(good_device, 1 / 6, 1 / 2)
    rate = 0.05 * np.where(good_site, 3, 1) * np.where(good_device, 1.2, 0.8)
    sample = sample_of((draw.random(60_000) < rate).astype(float), site=good_site, device=good_device)

    selection = select(sample, ["site", "device"], [], RULES)

    assert names(selection) == ["site", "device"]
    assert selection.chosen[1].marginal_score < RULES.min_signal_score / SHRINKING < selection.chosen[1].signal_score


def test_anchors_come_first_in_their_order_even_when_they_lose():
    selection = select(planted(), CANDIDATES, ["random_id", "noise"], RULES)

    assert names(selection) == ["random_id", "noise", "site", "device"]
    assert [feature.is_anchor for feature in selection.chosen] == [True, True, False, False]
    assert all(feature.signal_score < 0.0005 for feature in selection.chosen[:2])
    assert any(feature.signal_score < 0 for feature in selection.chosen[:2])


def test_an_anchor_that_is_no_candidate_is_taken_and_is_never_rejected():
    selection = select(planted(), ["site", "noise"], ["noise", "device"], RULES)

    assert names(selection) == ["noise", "device", "site"]
    assert reasons(selection) == {}


def test_an_anchor_is_never_suspected_of_a_leak():
    assert names(select(planted(), ["site"], ["leak"], RULES))[0] == "leak"


def test_the_score_of_a_later_feature_is_over_those_before_it_and_its_marginal_is_alone():
    first, second = select(planted(), ["site_copy"], ["site", "site_copy"], RULES).chosen

    assert first.signal_score == first.marginal_score
    assert second.marginal_score == pytest.approx(first.marginal_score)
    assert second.signal_score < 0.0005 < second.marginal_score


def test_no_more_than_max_features_are_chosen_anchors_included():
    alone = select(planted(), ["site", "device", "noise"], [], replace(RULES, max_features=1))
    anchored = select(planted(), ["site", "device"], ["noise"], replace(RULES, max_features=2))
    full = select(planted(), ["site"], ["noise", "device"], replace(RULES, max_features=2))

    assert (names(alone), reasons(alone)) == (["site"], {"device": Reason.MAX_FEATURES, "noise": Reason.NO_GAIN})
    assert (names(anchored), reasons(anchored)) == (["noise", "site"], {"device": Reason.MAX_FEATURES})
    assert (names(full), reasons(full)) == (["noise", "device"], {"site": Reason.MAX_FEATURES})


def test_a_gain_below_the_least_score_is_no_gain():
    selection = select(planted(), ["site", "device"], [], replace(RULES, min_signal_score=0.02))

    assert (names(selection), reasons(selection)) == (["site"], {"device": Reason.NO_GAIN})


def asking(z, sample):
    """Rules that ask for so many standard errors with the outcomes of a sample."""
    eased = RULES.min_z - RULES.min_z_of(float(sample.outcome.sum()))
    return replace(RULES, min_z=z + eased)


@pytest.mark.parametrize(
    ("outcomes", "z"), [(0, 2), (250, 2), (1_000, 2.05), (5_000, 2.169), (15_000, 2.25), (1e7, 2.25)]
)
def test_the_fewer_the_outcomes_the_less_significance_is_asked_of_a_gain(outcomes, z):
    assert replace(RULES, min_z=2.25).min_z_of(outcomes) == pytest.approx(z, abs=0.001)
    assert replace(RULES, min_z=1).min_z_of(outcomes) == 1


def test_a_gain_within_its_error_is_not_significant():
    device = select(planted(), ["device"], [], RULES).chosen[0]
    selection = select(planted(), ["device"], [], asking(device.z + 0.01, planted()))

    assert (names(selection), reasons(selection)) == ([], {"device": Reason.NOT_SIGNIFICANT})
    for score in ("signal_score", "standard_error", "marginal_score", "z"):
        assert getattr(selection.rejected[0], score) == pytest.approx(getattr(device, score))


def test_a_larger_gain_that_is_not_significant_does_not_keep_out_a_smaller_one_that_is():
    draw = np.random.default_rng(2)
    half, rare = draw.integers(0, 2, 60_000), np.arange(60_000) < 22
    outcome = (draw.random(60_000) < np.where(half == 1, 0.0138, 0.0062)) | rare
    sample = sample_of(outcome, rare=rare, half=half)
    rules = replace(asking(4.6, sample), min_signal_score=0.0)

    scores = {r.name: r.signal_score for r in select(sample, ["rare", "half"], [], replace(rules, min_z=99)).rejected}
    selection = select(sample, ["rare", "half"], [], rules)

    assert scores["rare"] > scores["half"]
    assert (names(selection), reasons(selection)) == (["half"], {"rare": Reason.NOT_SIGNIFICANT})


@pytest.mark.parametrize(("values", "seed"), [(5, 7), (5, 38), (20, 21)])
def test_a_gain_that_permuted_values_reach_as_well_is_rejected_by_the_shadow_feature(monkeypatch, values, seed):
    """With limits of 0 luck is enough to be chosen: of many columns of noise, these gain a thousandth by chance."""
    draw = np.random.default_rng(seed)
    sample = sample_of(draw.random(2_000) < 0.1, noise=draw.integers(0, values, 2_000))
    lenient = replace(RULES, min_signal_score=0.0, min_z=0.0)

    rejected = select(sample, ["noise"], [], lenient).rejected
    monkeypatch.setattr("rtb_optimizer.core.selection.select._Search.shadow_feature_wins", lambda *_: False)
    unguarded = select(sample, ["noise"], [], lenient)

    assert [(r.name, r.reason) for r in rejected] == [("noise", Reason.SHADOW_FEATURE)]
    assert names(unguarded) == ["noise"]
    assert unguarded.chosen[0].signal_score == rejected[0].signal_score > 0.0005


def test_a_shadow_feature_keeps_out_noise_and_lets_signal_pass():
    lenient = replace(RULES, min_signal_score=0.0, min_z=0.0)
    for seed in range(4):
        assert names(select(planted(seed), ["site", "device"], [], lenient)) == ["site", "device"]


def weak_world(seed, weak, noise, copies=0, rows=12_000):
    """An outcome in a tenth of the rows; a weak column moves its log odds by 0.13, a copy is another's values."""
    draw = np.random.default_rng(seed)
    columns = {f"weak{n}": draw.integers(0, 3, rows) for n in range(weak)}
    strength = np.exp(sum((0.13 * (column - 1) for column in columns.values()), np.full(rows, np.log(1 / 9))))
    outcome = (draw.random(rows) < strength / (1 + strength)).astype(float)
    for n in range(noise):
        columns[f"noise{n}"] = draw.integers(0, 3 + n % 6, rows)
        columns |= {f"noise{n}_copy{at}": columns[f"noise{n}"] + at for at in range(copies)}
    return sample_of(outcome, fold=draw.integers(0, 5, rows), **columns)


def weak_and_noise(sample, candidates=None):
    chosen = names(select(sample, candidates or list(sample.features), [], V3_RULES))
    return sum(name.startswith("weak") for name in chosen), sum(name.startswith("noise") for name in chosen)


def test_weak_columns_that_are_significant_together_enter_of_which_each_alone_does_not():
    together, alone = [], []
    for seed in range(8):
        sample = weak_world(seed, weak=10, noise=4)
        together.append(weak_and_noise(sample))
        alone += [weak_and_noise(sample, [f"weak{n}", "noise0", "noise1"])[0] for n in range(10)]

    weak, noise = np.sum(together, axis=0)
    assert np.mean(alone) < 0.25
    assert weak / 80 > 2.5 * np.mean(alone)
    assert noise <= 0.1 * (weak + noise)


def test_a_feature_that_is_significant_with_others_alone_is_marked():
    sample = weak_world(3, weak=10, noise=4)
    asked = V3_RULES.min_z_of(float(sample.outcome.sum()))
    chosen = select(sample, list(sample.features), [], V3_RULES).chosen

    assert {feature.is_weak for feature in chosen} == {True, False}
    assert {feature.name: feature.is_weak for feature in chosen} == {each.name: each.z < asked for each in chosen}


def test_a_weak_column_and_its_copies_are_one_and_enter_no_sooner():
    for seed in range(8):
        alone = weak_world(seed, weak=1, noise=0)
        values = alone.features["weak0"]
        copies = {f"copy{n}": replace(values, codes=(values.codes + n) % 3) for n in range(5)}
        both = replace(alone, features=alone.features | copies)

        expected = len(select(alone, ["weak0"], [], V3_RULES).chosen)
        assert len(select(both, list(both.features), [], V3_RULES).chosen) == expected


def test_with_few_outcomes_each_feature_is_significant_alone():
    for seed in range(8):
        sample = weak_world(seed, weak=10, noise=4, rows=4_500)
        asked = V3_RULES.min_z_of(float(sample.outcome.sum()))
        assert sample.outcome.sum() < 500
        assert all(feature.z >= asked for feature in select(sample, list(sample.features), [], V3_RULES).chosen)


def test_who_asks_for_more_significance_asks_it_of_weak_columns_too():
    sample = weak_world(0, weak=10, noise=4)
    found = {z: len(select(sample, list(sample.features), [], replace(V3_RULES, min_z=z)).chosen) for z in (2.25, 4.0)}
    assert found[2.25] > 5
    assert found[4.0] == 0


@pytest.mark.parametrize(
    ("noise", "copies"), [(14, 0), (60, 0), (4, 5)], ids=["14 columns", "60 columns", "4 columns and 5 copies of each"]
)
def test_columns_of_noise_are_not_significant_together(noise, copies):
    assert [weak_and_noise(weak_world(seed, 0, noise, copies)) for seed in range(10)] == [(0, 0)] * 10


def test_with_too_few_positives_only_anchors_are_used():
    few = replace(RULES, min_positives=10**6)
    selection = select(planted(), CANDIDATES, ["noise"], few)

    assert names(selection) == ["noise"]
    assert reasons(selection) == dict.fromkeys(("random_id", "device", "site", "leak"), Reason.TOO_FEW_POSITIVES)
    assert all(rejected.signal_score is None for rejected in selection.rejected)


def test_without_a_single_outcome_anchors_are_kept_with_a_score_of_0():
    sample = planted(rows=500)
    empty = replace(sample, outcome=np.zeros(500))
    selection = select(empty, ["device"], ["site", "noise"], replace(RULES, min_positives=1))

    assert [(f.name, f.signal_score, f.marginal_score) for f in selection.chosen] == [("site", 0, 0), ("noise", 0, 0)]
    assert reasons(selection) == {"device": Reason.TOO_FEW_POSITIVES}


def test_exactly_the_least_positives_are_enough():
    sample = planted()
    enough = int(sample.outcome.sum())

    assert names(select(sample, ["site"], [], replace(RULES, min_positives=enough))) == ["site"]
    assert names(select(sample, ["site"], [], replace(RULES, min_positives=enough + 1))) == []


def test_a_suspected_leak_is_out_with_its_score_and_in_when_allowed_by_name():
    out = select(planted(), CANDIDATES, [], RULES)
    allowed = select(planted(), CANDIDATES, [], replace(RULES, allowed_leaks=frozenset({"leak"})))
    another = select(planted(), CANDIDATES, [], replace(RULES, allowed_leaks=frozenset({"site"})))

    assert [r.signal_score > 0.25 for r in out.rejected if r.name == "leak"] == [True]
    assert names(allowed)[0] == "leak"
    assert reasons(another)["leak"] is Reason.LEAK_SUSPECTED


def test_the_priors_of_a_selection_are_in_its_order():
    selection = select(planted(), CANDIDATES, ["noise"], RULES)

    assert list(selection.priors) == names(selection)
    assert selection.priors["noise"] == 512


def test_nothing_depends_on_the_order_of_rows_or_candidates():
    sample = planted()
    one = select(sample, CANDIDATES, ["noise"], RULES)
    for seed in range(3):
        draw = np.random.default_rng(seed)
        shuffled = reordered(sample, draw.permutation(len(sample.outcome)))
        other = select(shuffled, list(draw.permutation(CANDIDATES)), ["noise"], RULES)

        assert names(other) == names(one)
        assert reasons(other) == reasons(one)
        assert [f.prior for f in other.chosen] == [f.prior for f in one.chosen]
        for attribute in ("signal_score", "marginal_score", "z"):
            theirs, ours = ([getattr(f, attribute) for f in s.chosen] for s in (other, one))
            assert theirs == pytest.approx(ours, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (["a"] * 999 + ["b"], Reason.CONSTANT),
        (["a"] * 998 + ["b"] * 2, None),
        ([f"v{n}" for n in range(1000)], Reason.NEAR_UNIQUE),
        ([f"v{n % 501}" for n in range(1000)], Reason.NEAR_UNIQUE),
        ([f"v{n % 500}" for n in range(1000)], None),
        ([MISSING] * 501 + ["a", "b"] * 249 + ["c"], Reason.MOSTLY_MISSING),
        ([MISSING] * 500 + ["a", "b"] * 250, None),
        ([MISSING] * 1000, Reason.MOSTLY_MISSING),
        ([MISSING] * 999 + ["a"], Reason.MOSTLY_MISSING),
        (["a", "b"] * 500, None),
        # ids of which most rows lack one: missing and placeholders are no values
        ([MISSING] * 600 + [f"v{n}" for n in range(400)], Reason.NEAR_UNIQUE),
        (["0000"] * 600 + [f"v{n}" for n in range(400)], Reason.NEAR_UNIQUE),
        (["0000"] * 940 + [f"v{n}" for n in range(60)], Reason.NEAR_UNIQUE),
        (["0000"] * 400 + [MISSING] * 300 + [f"v{n % 160}" for n in range(300)], Reason.NEAR_UNIQUE),
        (["0000"] * 300 + ["unknown"] * 200 + [f"v{n % 300}" for n in range(500)], Reason.NEAR_UNIQUE),
        # honest columns with a tail of rare values
        (["a"] * 600 + ["b"] * 300 + [f"rare{n}" for n in range(100)], None),
        (["a"] * 960 + [f"rare{n}" for n in range(40)], None),
        ([f"big{n % 20}" for n in range(700)] + [f"rare{n}" for n in range(300)], None),
        (["a"] * 50 + ["b"] * 48 + ["c", "d"], None),
        ([MISSING] * 450 + ["a", "b"] * 250 + ["c"] * 50, None),
    ],
)
def test_a_candidate_is_screened_by_its_values_alone(column, reason):
    assert screen(feature(column), len(column), 0.5) is reason


def test_what_is_denied_is_reported_with_what_it_would_have_added_and_never_chosen():
    selection = select(planted(), ["device"], [], RULES, left_out=dict.fromkeys(["site", "noise"], Reason.DENYLISTED))
    rejections = {rejected.name: rejected for rejected in selection.rejected}

    assert names(selection) == ["device"]
    assert {rejections[name].reason for name in ("site", "noise")} == {Reason.DENYLISTED}
    assert rejections["site"].signal_score > 0.03
    assert rejections["noise"].signal_score < 0.0005


def known(name, factors):
    return PooledFeature(5, 0.01, 0.3, {f"{name}{n}": Centre(of, 50.0) for n, of in enumerate(factors)})


POOLED = {"site": known("site", SITE_FACTORS), "device": known("device", DEVICE_FACTORS)}


@pytest.mark.parametrize("seed", range(6))
def test_with_few_outcomes_what_other_entities_know_enters_and_the_same_dealt_to_other_rows_does_not(seed):
    few = planted(seed, rows=1_500)
    order = np.random.default_rng(seed).permutation(1_500)
    shadow = replace(few.features["site"], codes=few.features["site"].codes[order])
    few = replace(few, features={**few.features, "shadow": shadow})
    rules = replace(RULES, min_positives=200, pooled={**POOLED, "shadow": POOLED["site"]})
    assert few.outcome.sum() < rules.min_positives

    selection = select(few, ["site", "device", "shadow", "noise"], [], rules)

    assert names(selection)[0] == "site"
    assert not {"shadow", "noise"} & {*names(selection)}
    assert reasons(selection)["noise"] is Reason.TOO_FEW_POSITIVES
    assert selection.pooled.keys() == {*names(selection)}
    assert names(select(few, ["site", "device", "noise"], [], replace(rules, pooled={}))) == []


def test_what_does_not_hold_here_is_not_pooled_and_the_feature_stands_on_its_own_outcomes():
    """Other entities have the sites the other way round."""
    pooled = {"site": known("site", SITE_FACTORS[::-1])}
    selection = select(planted(), CANDIDATES[:4], [], replace(RULES, pooled=pooled))

    assert names(selection) == ["site", "device"]
    assert selection.pooled == {}
