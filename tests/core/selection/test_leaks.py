"""A column that was written after the outcome gives itself away: values that never stand without it."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import feature, planted, sample_of
from rtb_optimizer.core.selection.leaks import (
    MIN_EVENT_PAIRS,
    changes_between_exposure_and_event,
    leaks_outcome,
    pure_share,
)


def with_column(column, outcome):
    sample = sample_of(outcome, column=column)
    return sample.features["column"], sample


OUTCOME = [1.0] * 100 + [0.0] * 900


def test_an_id_that_only_rows_with_an_outcome_have_is_found():
    column = ["conversion"] * 60 + ["none"] * 940

    assert pure_share(*with_column(column, OUTCOME)) == pytest.approx(0.6)
    assert leaks_outcome(*with_column(column, OUTCOME))


def test_a_tenth_of_the_outcomes_is_allowed_and_more_is_not():
    assert not leaks_outcome(*with_column(["x"] * 10 + ["none"] * 990, OUTCOME))
    assert leaks_outcome(*with_column(["x"] * 11 + ["none"] * 989, OUTCOME))


def test_values_seen_too_rarely_to_distinguish_chance_from_knowledge_do_not_count():
    # A value is surprising from 5 outcomes on here: 0.1 ** 5 is below exp(-10), 0.1 ** 4 is not.
    for size, share in ((4, 0.0), (5, 1.0)):
        column = [f"v{n // size}" for n in range(100)] + ["none"] * 900

        assert pure_share(*with_column(column, OUTCOME)) == pytest.approx(share)


def test_a_value_with_a_few_plain_rows_is_still_pure():
    assert pure_share(*with_column(["x"] * 102 + ["none"] * 898, OUTCOME)) == pytest.approx(1.0)
    assert pure_share(*with_column(["x"] * 105 + ["none"] * 895, OUTCOME)) == 0.0


def test_an_honest_placement_with_a_very_high_share_is_not_suspected():
    """Viewability: 92 % on a fifth of the traffic, 35 % elsewhere."""
    good = np.r_[np.ones(184), np.zeros(16), np.ones(280), np.zeros(520)]

    assert pure_share(*with_column(["top"] * 200 + ["other"] * 800, good)) == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["site", "device", "noise", "random_id"])
def test_signal_and_noise_that_were_known_before_are_not_suspected(name, seed):
    sample = planted(seed)

    assert pure_share(sample.features[name], sample) < 0.01


@pytest.mark.parametrize("outcome", [np.zeros(20), np.ones(20)])
def test_where_no_row_or_every_row_has_an_outcome_nothing_is_suspected(outcome):
    assert pure_share(*with_column(["a", "b"] * 10, outcome)) == 0.0


def paired(of_exposure, of_event, alone=()):
    """Logs with a row for the exposure and one for its event, which share an id; exposures without one besides."""
    column = feature([*of_exposure, *of_event, *alone])
    outcome = np.r_[np.zeros(len(of_exposure)), np.ones(len(of_event)), np.zeros(len(alone))]
    ids = np.r_[np.arange(len(of_exposure)), np.arange(len(of_event)), 10_000 + np.arange(len(alone))]
    order = np.random.default_rng(1).permutation(len(ids))
    return replace(column, codes=column.codes[order]), outcome[order], ids[order].astype(np.uint64)


@pytest.mark.parametrize(
    ("changed", "pairs", "is_leak"),
    [
        (100, 100, True),
        (11, 100, True),
        (10, 100, False),  # a tenth may be noise: a user who turned a phone
        (0, 100, False),
        (MIN_EVENT_PAIRS, MIN_EVENT_PAIRS, True),
        (MIN_EVENT_PAIRS - 1, MIN_EVENT_PAIRS - 1, False),  # too few to prove anything
        (0, 0, False),
    ],
)
def test_a_column_that_is_another_in_the_row_of_the_event_is_found(changed, pairs, is_leak):
    of_event = ["after"] * changed + ["before"] * (pairs - changed)

    assert changes_between_exposure_and_event(*paired(["before"] * pairs, of_event, ["before"] * 50)) is is_leak


def test_a_column_that_only_differs_between_ids_does_not_change_with_the_event():
    values = [f"v{n % 7}" for n in range(200)]

    assert not changes_between_exposure_and_event(*paired(values, values, ["other"] * 50))


def test_rows_of_one_id_that_both_have_an_outcome_or_none_are_no_pair():
    column = feature(["a", "b"] * 100)
    ids = np.repeat(np.arange(100), 2).astype(np.uint64)

    for outcome in (np.zeros(200), np.ones(200)):
        assert not changes_between_exposure_and_event(column, outcome, ids)
    assert changes_between_exposure_and_event(column, np.tile([0.0, 1.0], 100), ids)
