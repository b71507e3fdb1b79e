"""Interactions of features are detected where they are planted, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.selection.interactions import InteractionRules, detect

RULES = InteractionRules(at_most=8, min_signal_score=0.0005, min_z=5)
PRIORS = {"device": 8.0, "size": 8.0, "hour": 8.0}


def world(seed, planted, rows=60_000):
    """Rows of three features with main effects, and whatever `planted` multiplies the rate by."""
    rng = np.random.default_rng(seed)
    codes = {"device": rng.integers(0, 4, rows), "size": rng.integers(0, 6, rows), "hour": rng.integers(0, 8, rows)}
    effects = {name: np.exp(rng.normal(0, 0.3, column.max() + 1))[column] for name, column in codes.items()}
    rate = 0.05 * np.prod(list(effects.values()), axis=0) * planted(rng, codes)
    columns = {name: [f"{name}{n}" for n in column] for name, column in codes.items()}
    return sample_of((rng.random(rows) < np.minimum(rate, 0.9)).astype(float), **columns)


def nothing(_rng, codes):
    return np.ones(len(codes["device"]))


def pair(rng, codes):
    return np.exp(rng.normal(0, 0.8, (4, 6)))[codes["device"], codes["size"]]


def weak_pair(rng, codes):
    return np.exp(rng.normal(0, 0.2, (4, 6)))[codes["device"], codes["size"]]


def triple(rng, codes):
    return np.exp(rng.normal(0, 0.6, (4, 6, 8)))[codes["device"], codes["size"], codes["hour"]]


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_pair_is_found_and_no_other(seed):
    detected = detect(world(seed, pair), PRIORS, RULES)

    assert [interaction.features for interaction in detected] == [("device", "size")]
    assert detected[0].signal_score > RULES.min_signal_score
    assert detected[0].z > RULES.min_z


@pytest.mark.parametrize("seed", range(10))
def test_main_effects_alone_are_no_interaction(seed):
    assert detect(world(seed, nothing), PRIORS, RULES) == ()


@pytest.mark.parametrize("rows", [6_000, 20_000, 60_000])
def test_main_effects_alone_are_no_interaction_for_half_of_the_significance_that_is_asked_either(rows):
    asked = InteractionRules(8, 0.0001)
    for rules in (asked, replace(asked, min_z=asked.min_z / 2)):
        assert [detect(world(seed, nothing, rows), PRIORS, rules) for seed in range(8)] == [()] * 8


def test_a_weak_pair_is_found_in_a_third_of_the_worlds_and_no_other_in_any():
    detected = [detect(world(seed, weak_pair, 20_000), PRIORS, InteractionRules(8, 0.0001)) for seed in range(20)]

    assert {i.features for found in detected for i in found} == {("device", "size")}
    assert sum(map(len, detected)) >= 6


def test_a_planted_triple_is_reached_through_its_pairs():
    detected = {interaction.features for interaction in detect(world(3, triple), PRIORS, RULES)}

    assert ("device", "size", "hour") in detected


def test_features_stand_in_the_order_of_selection():
    reordered = dict(reversed(PRIORS.items()))

    assert [i.features for i in detect(world(0, pair), reordered, RULES)] == [("size", "device")]


@pytest.mark.parametrize(
    "rules",
    [InteractionRules(0, 0.0005, 5), InteractionRules(8, 0.9, 5), InteractionRules(8, 0.0005, 100)],
    ids=["none wanted", "too little gained", "not significant"],
)
def test_the_search_keeps_to_its_rules(rules):
    assert detect(world(0, pair), PRIORS, rules) == ()


def test_fewer_than_two_features_cannot_interact():
    assert detect(world(0, pair), {"device": 8.0}, RULES) == ()
