"""A value that is better alone and worse in every stratum is reported; one nested in a stratum is not."""

import numpy as np

from planted_samples import sample_of
from rtb_optimizer.core.table.warnings import simpsons_paradox

ROWS = 40_000


def sample(rate, **features):
    return sample_of(np.random.default_rng(1).random(ROWS) < rate, **features)


def world(mobile_in_good, mobile_factor):
    draw = np.random.default_rng(2)
    good = draw.random(ROWS) < 0.5
    mobile = draw.random(ROWS) < np.where(good, mobile_in_good, 1 - mobile_in_good)
    rate = np.where(good, 0.3, 0.05) * np.where(mobile, mobile_factor, 1.0)
    device, exchange = np.where(mobile, "mobile", "desktop"), np.where(good, "good", "bad")
    return sample(rate, device=device, exchange=exchange)


def test_a_confounded_value_is_reported_with_the_feature_that_explains_it():
    (warning,) = simpsons_paradox(world(mobile_in_good=0.8, mobile_factor=0.7), ["device", "exchange"])

    assert warning.code == "reversal"
    assert warning.message.startswith("device=")
    assert "confounded by exchange" in warning.message


def test_a_value_that_is_good_everywhere_or_nowhere_else_is_not_reported():
    assert simpsons_paradox(world(mobile_in_good=0.8, mobile_factor=1.3), ["device", "exchange"]) == []
    assert simpsons_paradox(world(mobile_in_good=0.5, mobile_factor=0.7), ["device", "exchange"]) == []


def test_an_adspace_that_is_the_lesser_of_a_good_site_is_no_paradox():
    draw = np.random.default_rng(3)
    adspace = draw.integers(0, 4, ROWS)  # 0 and 1 are of one site, 2 and 3 of another
    rate = np.array([0.4, 0.2, 0.05, 0.02])[adspace]

    assert simpsons_paradox(sample(rate, adspace=adspace, site=adspace // 2), ["adspace", "site"]) == []


def test_without_outcomes_nothing_is_reported():
    assert simpsons_paradox(sample(0.0, a=np.arange(ROWS) % 2, b=np.arange(ROWS) % 3), ["a", "b"]) == []
