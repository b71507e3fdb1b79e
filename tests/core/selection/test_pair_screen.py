"""The screen of pairs is calibrated: by chance alone its statistic is standard normal, whatever rows weigh."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.selection import pair_screen
from rtb_optimizer.core.selection.pair_screen import PairScreen

SIZES = {"two": 2, "five": 5, "thirty": 30, "hundreds": 400, "thousands": 5_000, "skewed": 3_000}


def columns(draw, rows):
    codes = {name: draw.integers(0, size, rows) for name, size in SIZES.items()}
    codes["skewed"] = np.minimum(draw.pareto(1.0, rows) * 20, 2_999).astype(int)
    return codes


def plain(draw, rows, rate):
    return (draw.random(rows) < rate).astype(float), np.ones(rows)


def thinned(draw, rows, rate):
    outcome = (draw.random(rows) < rate).astype(float)
    return outcome, np.where(outcome > 0, 1.0, draw.choice([1.0, 20.0], rows))


def counted(draw, rows, rate):
    exposure = draw.geometric(0.05, rows).astype(float)
    return draw.binomial(exposure.astype(int), rate).astype(float), exposure


def thinned_outcomes(draw, rows, rate):
    outcome = (draw.random(rows) < rate).astype(float)
    return 5 * outcome, np.where(outcome > 0, 5.0, 1.0)


def statistics(make, seed, rows=30_000, rate=0.05):
    draw = np.random.default_rng(seed)
    outcome, exposure = make(draw, rows, rate)
    sample = sample_of(outcome, exposure=exposure, **columns(draw, rows))
    expected = sample.exposure * sample.outcome.sum() / sample.exposure.sum()
    pairs = list(combinations(SIZES, 2))
    return [each.z for each in PairScreen(sample, SIZES, len(pairs)).over(expected, pairs)]


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5, 0.9])
def test_by_chance_the_statistic_is_about_standard_normal(rate):
    z = np.array([statistics(plain, seed, rate=rate) for seed in range(6)]).ravel()

    assert abs(z.mean()) < 0.5
    assert 0.4 < z.std() < 1.3
    assert z.max() < 4.5


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("make", [thinned, counted, thinned_outcomes])
def test_rows_that_weigh_differently_exceed_chance_no_more_often(make, rate):
    z = np.array([statistics(make, seed, rate=rate) for seed in range(6)]).ravel()

    assert z.mean() < 0.5
    assert z.max() < 4.5


def test_main_effects_of_both_columns_are_no_interaction():
    draw = np.random.default_rng(1)
    codes = columns(draw, 100_000)
    effects = [draw.normal(0, 0.7, SIZES[name])[codes[name]] for name in ("five", "thirty")]
    outcome = (draw.random(100_000) < 0.03 * np.exp(sum(effects))).astype(float)
    sample = sample_of(outcome, **codes)
    model = 0.03 * np.exp(sum(effects)).clip(max=33)[np.argsort(np.arange(100_000) % 5, kind="stable")]
    screen = PairScreen(sample, SIZES, 1)

    (over_all,) = screen.over(model, [("five", "thirty")])
    assert over_all.z < 4


@pytest.mark.parametrize("rows_screened", [1 << 13, 1 << 18])
def test_a_pair_that_says_something_exceeds_chance_on_a_part_of_the_rows_too(monkeypatch, rows_screened):
    monkeypatch.setattr(pair_screen, "ROWS", rows_screened)
    monkeypatch.setattr(pair_screen, "LEAST_ROWS", rows_screened)
    draw = np.random.default_rng(2)
    codes = columns(draw, 60_000)
    rate = 0.1 * np.where((codes["two"] + codes["five"]) % 2, 1.5, 0.5)
    sample = sample_of((draw.random(60_000) < rate).astype(float), **codes)
    expected = np.full(60_000, sample.outcome.mean())

    (found, other) = PairScreen(sample, SIZES, 2).over(expected, [("two", "five"), ("two", "thirty")])

    assert found.z > 8
    assert found.excess > 50 > other.excess
    assert other.z < 4


def test_of_a_column_with_many_values_the_most_frequent_ones_are_told_apart():
    draw = np.random.default_rng(3)
    codes = columns(draw, 100_000)
    rate = 0.1 * np.where((codes["skewed"] + codes["two"]) % 2, 1.4, 0.6)
    sample = sample_of((draw.random(100_000) < rate).astype(float), **codes)

    (found,) = PairScreen(sample, SIZES, 1).over(np.full(100_000, sample.outcome.mean()), [("two", "skewed")])
    assert found.z > 8


def test_rows_without_an_outcome_say_nothing():
    sample = sample_of(np.zeros(1_000), a=np.arange(1_000) % 3, b=np.arange(1_000) % 2)

    assert list(PairScreen(sample, ["a", "b"], 1).over(np.zeros(1_000), [("a", "b")])) == []
    few = replace(sample, outcome=(np.arange(1_000) == 5).astype(float))
    (one,) = PairScreen(few, ["a", "b"], 1).over(np.full(1_000, 0.001), [("a", "b")])
    assert one.z < 4
