"""Columns that say something only together are found, enter together, and nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import reordered, sample_of
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.selection.hidden_pairs import PairRules, with_hidden_pairs
from rtb_optimizer.core.selection.interactions import InteractionRules, detect
from rtb_optimizer.core.selection.leaks import Sign, Suspicion
from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.core.selection.select import FADED_PRIOR, Chosen, SelectionRules, select

RULES = SelectionRules(max_features=8, min_signal_score=0.0001, min_z=2.25, min_positives=50, leak_score=0.55)
INTERACTIONS = InteractionRules(8, 0.0001)
CHAOS = {"noise3": 3, "noise40": 40, "noise1000": 1_000}


def exclusive_or(codes):
    return np.where(codes["bit"] ^ codes["key"], 0.5, -0.5)


def local_time(codes):
    return 0.6 * np.sin((codes["hour"] - 2 * codes["zone"]) / 24 * 2 * np.pi)


def nothing(codes):
    return np.zeros(len(codes["bit"]))


def wide(codes):
    effect = np.random.default_rng(9).normal(0, 0.8, (24, 300))
    effect -= effect.mean(axis=0)
    return (effect - effect.mean(axis=1, keepdims=True))[codes["hour"], codes["deal"]]


def world(planted, seed=0, rows=60_000, base=0.05, columns=("bit", "key", "hour", "zone", "deal")):
    """Rows with a site that has effects of its own, columns that have none alone, and noise."""
    draw = np.random.default_rng(seed)
    sizes = {"bit": 2, "key": 2, "hour": 24, "zone": 12, "deal": 300, "site": 8} | CHAOS
    codes = {name: draw.integers(0, size, rows) for name, size in sizes.items()}
    log_odds = np.log(base / (1 - base)) + draw.normal(0, 0.4, 8)[codes["site"]] + planted(codes)
    outcome = (draw.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(float)
    return sample_of(outcome, **{name: codes[name] for name in ("site", *columns, *CHAOS)})


def selected(sample, rules=RULES, interactions=INTERACTIONS, link=Link.LOG, left_out=None, anchors=()):
    left_out = left_out or {}
    names = [name for name in sample.features if name not in left_out]
    selection = select(sample, names, anchors, rules, link, left_out)
    return replace(selection, interactions=detect(sample, selection.priors, interactions, link))


def found(sample, rules=RULES, interactions=INTERACTIONS, link=Link.LOG, **more):
    of_pairs = PairRules(rules, interactions, more.pop("suspicion", lambda _: None))
    return with_hidden_pairs(sample, selected(sample, rules, interactions, link, **more), of_pairs, link)


def names(selection):
    return [feature.name for feature in selection.chosen]


def pairs(selection):
    return [set(interaction.features) for interaction in selection.interactions]


@pytest.mark.parametrize(("base", "link"), [(0.05, Link.LOG), (0.05, Link.LOGIT), (0.5, Link.LOGIT), (0.8, Link.LOGIT)])
@pytest.mark.parametrize(
    ("planted", "pair"), [(exclusive_or, {"bit", "key"}), (local_time, {"hour", "zone"}), (wide, {"hour", "deal"})]
)
def test_a_pair_that_no_column_shows_alone_enters_with_both_columns(planted, pair, base, link):
    sample = world(planted, base=base)
    before, after = selected(sample, link=link), found(sample, link=link)

    assert pair.isdisjoint(names(before))
    assert names(after.selection) == [*names(before), *(name for name in sorted(pair))]
    assert pairs(after.selection) == [pair]
    assert pair.isdisjoint(rejected.name for rejected in after.selection.rejected)
    assert after.unused == ()


@pytest.mark.parametrize("seed", range(20))
def test_without_such_a_pair_the_selection_is_what_it_was(seed):
    for base, link in ((0.05, Link.LOG), (0.5, Link.LOGIT)):
        sample = world(nothing, seed, rows=20_000, base=base)
        before = selected(sample, link=link)

        assert with_hidden_pairs(sample, before, PairRules(RULES, INTERACTIONS), link).selection == before


def test_a_selected_feature_and_a_column_that_says_nothing_alone_are_a_pair_too():
    def planted(codes):
        return exclusive_or({"bit": codes["site"] % 2, "key": codes["key"]})

    after = found(world(planted)).selection

    assert (names(after), pairs(after)) == (["site", "key"], [{"site", "key"}])


def test_columns_that_enter_with_a_pair_are_numbered_last_and_have_no_significant_effect_of_their_own():
    chosen = found(world(exclusive_or)).selection.chosen

    assert [(each.name, each.order, each.is_significant) for each in chosen] == [
        ("site", 1, True),
        ("bit", 2, False),
        ("key", 3, False),
    ]
    assert all(abs(each.signal_score) < RULES.min_signal_score * 10 for each in chosen[1:])


def test_a_pair_opens_its_triples():
    def planted(codes):
        return exclusive_or(codes) * np.where(codes["site"] % 2, 1.5, 0.2)

    assert {"site", "bit", "key"} in pairs(found(world(planted)).selection)


def test_weighted_rows_show_the_same_pair():
    """Rows without an outcome are thinned to a few for each with one, and stand for the others."""
    sample = world(exclusive_or, rows=120_000)
    kept = np.flatnonzero((sample.outcome > 0) | (np.random.default_rng(1).random(120_000) < 0.2))
    thinned = reordered(sample, kept)
    thinned = replace(thinned, exposure=np.where(thinned.outcome > 0, 1.0, 5.0))

    assert pairs(found(thinned).selection) == [{"bit", "key"}]


@pytest.mark.parametrize("reason", [Reason.DENYLISTED, Reason.LEAK_SUSPECTED, Reason.MOSTLY_MISSING])
def test_a_column_that_is_left_out_for_a_reason_of_its_own_is_in_no_pair(reason):
    after = found(world(exclusive_or), left_out={"key": reason})

    assert names(after.selection) == ["site"]


@pytest.mark.parametrize("room", [0, 1])
def test_a_pair_without_room_for_its_columns_is_reported_with_the_limit(room):
    after = found(world(exclusive_or), replace(RULES, max_features=1 + room))

    assert (names(after.selection), pairs(after.selection)) == (["site"], [])
    (unused,) = after.unused
    assert (set(unused.pair), unused.limit) == ({"bit", "key"}, "max_features")
    assert unused.signal_score > 0.01
    assert unused.z > 5


def test_of_pairs_the_strongest_has_the_room_and_the_other_is_reported():
    def both(codes):
        return 1.6 * exclusive_or(codes) + local_time(codes)

    after = found(world(both), replace(RULES, max_features=4))

    assert pairs(after.selection) == [{"bit", "key"}]
    assert [(set(each.pair), each.limit) for each in after.unused] == [({"hour", "zone"}, "max_features")]


def test_interactions_that_gain_more_keep_their_place_and_the_pair_is_reported():
    def both(codes):
        return exclusive_or(codes) + np.random.default_rng(3).normal(0, 1.2, (8, 24))[codes["site"], codes["hour"]]

    after = found(world(both), interactions=replace(INTERACTIONS, at_most=1))

    assert pairs(after.selection) == [{"site", "hour"}]
    assert {"bit", "key"}.isdisjoint(names(after.selection))
    assert [(set(each.pair), each.limit) for each in after.unused] == [({"bit", "key"}, "max_interactions")]


def test_where_no_interaction_is_wanted_none_is_looked_for():
    after = found(world(exclusive_or), interactions=replace(INTERACTIONS, at_most=0))

    assert (names(after.selection), after.unused) == (["site"], ())


def test_a_pair_that_is_suspected_to_leak_is_left_out_and_listed():
    leak = Suspicion(Sign.TOGETHER, "whatever was found")
    after = found(world(exclusive_or), suspicion=lambda pair: leak if set(pair) == {"bit", "key"} else None)
    rejected = {each.name: each for each in after.selection.rejected}
    (name,) = after.suspicions

    assert (names(after.selection), pairs(after.selection)) == (["site"], [])
    assert after.suspicions[name] is leak
    assert rejected[name].reason is Reason.LEAK_SUSPECTED
    assert rejected[name].signal_score > 0.01


def test_a_column_that_fades_is_a_feature_again_when_its_pair_is_found_again():
    sample = world(exclusive_or)
    before = selected(sample)
    fading = Chosen("bit", 2, False, 0.0, 0.0, 0.0, 0.0, FADED_PRIOR, is_fading=True, is_significant=False)
    others = tuple(each for each in before.rejected if each.name != "bit")
    before = replace(before, chosen=(*before.chosen, fading), rejected=others)

    after = with_hidden_pairs(sample, before, PairRules(RULES, INTERACTIONS), Link.LOG).selection

    assert {each.name: each.is_fading for each in after.chosen} == {"site": False, "bit": False, "key": False}
    assert [each.order for each in after.chosen] == [1, 2, 3]


def test_nothing_depends_on_the_order_of_rows_or_columns():
    sample = world(local_time)
    one = found(sample).selection
    shuffled = reordered(sample, np.random.default_rng(4).permutation(len(sample.outcome))).by_fold()
    other = found(replace(shuffled, features=dict(reversed(shuffled.features.items())))).selection

    assert names(other) == names(one)
    assert pairs(other) == pairs(one)


def test_a_log_of_one_column_or_without_an_outcome_has_no_pair():
    draw = np.random.default_rng(0)
    lonely = sample_of(draw.random(2_000) < 0.1, only=draw.integers(0, 4, 2_000))
    silent = sample_of(np.zeros(2_000), a=draw.integers(0, 4, 2_000), b=draw.integers(0, 4, 2_000))

    for sample in (lonely, silent):
        assert found(sample, replace(RULES, min_positives=0)).selection.interactions == ()


def test_a_column_with_a_value_a_row_neither_fails_nor_enters():
    sample = world(exclusive_or, rows=20_000, columns=("bit", "key"))
    own = Feature(np.random.default_rng(0).permutation(20_000), [str(n) for n in range(20_000)])

    assert "own" not in names(found(replace(sample, features={**sample.features, "own": own})).selection)
