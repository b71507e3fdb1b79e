"""Realized beside predicted outcomes, by deciles and by value."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.realized.calibration import deciles, groups_off

ROWS = 20_000


def world(**factors):
    """Rows of four countries at a rate of 10 %, and what a table predicts that does not know these factors."""
    rng = np.random.default_rng(5)
    country = rng.choice(["us", "de", "fr", "it"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
    rate = 0.1 * np.array([factors.get(name, 1.0) for name in country])
    return sample_of((rng.random(ROWS) < rate).astype(float), country=country), np.full(ROWS, 0.1)


@pytest.mark.parametrize(
    ("factors", "off"),
    [
        ({}, []),
        (dict.fromkeys(("us", "de", "fr", "it"), 1.6), []),  # a level that is off moves all bids alike
        ({"us": 1.05}, []),
        ({"it": 2.5}, ["it"]),
        ({"us": 2.0, "de": 0.5}, ["us", "de"]),
    ],
    ids=["as predicted", "all alike", "within chance", "one value", "one pays for another"],
)
def test_a_value_is_off_that_differs_from_what_was_predicted_beyond_all_others(factors, off):
    sample, predicted = world(**factors)
    found = [group.value for group in groups_off(sample, predicted, ["country"])]

    assert set(off) <= set(found)
    assert bool(found) == bool(off)


def test_too_few_predicted_outcomes_are_no_group():
    sample, predicted = world(it=5.0)
    few = np.arange(600)

    assert groups_off(sample.at(few), predicted[few], ["country"])[1:] == []
    assert groups_off(sample.at(few[:100]), predicted[few[:100]], ["country"]) == []


def test_deciles_add_up_to_what_was_predicted_and_what_came():
    sample, predicted = world(us=1.3)
    found = deciles(sample, predicted * np.linspace(0.5, 1.5, ROWS))

    assert [row["decile"] for row in found] == list(range(1, 11))
    assert sum(row["outcome"] for row in found) == pytest.approx(sample.outcome.sum())
    assert sum(row["expected"] for row in found) == pytest.approx((predicted * np.linspace(0.5, 1.5, ROWS)).sum())
    assert [row["expected"] for row in found] == sorted(row["expected"] for row in found)
