"""A table is as steep as the next day confirms, and no steeper."""

import numpy as np
import pytest

from planted_samples import planted, sample_of
from rtb_optimizer.core.model.calibration import calibration_slope
from rtb_optimizer.core.model.fit import fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link


def drawn(slope, rows=40_000, link=Link.LOG, base=0.05):
    """Rows whose outcomes follow the factors to the power of a slope."""
    draw = np.random.default_rng(6)
    log_factors = draw.normal(0, 0.6, rows)
    strength = base * np.exp(slope * log_factors)
    rate = strength if link is Link.LOG else strength / (1 + strength)
    return log_factors, sample_of((draw.random(rows) < np.minimum(rate, 1)).astype(float), fold=[0] * rows)


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("slope", [0.6, 0.8, 1.0, 1.2])
def test_the_slope_of_the_outcomes_is_estimated(slope, link):
    assert calibration_slope(*drawn(slope, link=link), link) == pytest.approx(slope, abs=0.06)


def test_a_slope_far_from_1_takes_outcomes_to_show():
    log_factors, sample = drawn(0.6, rows=400)

    assert 0.85 < calibration_slope(log_factors, sample, Link.LOG) < 1.1


@pytest.mark.parametrize(("slope", "bounded"), [(0.1, 0.5), (2.0, 1.25), (-1.0, 0.5)])
def test_a_slope_is_bounded(slope, bounded):
    assert calibration_slope(*drawn(slope, base=0.02), Link.LOG) == bounded


def test_without_factors_or_outcomes_the_slope_is_1():
    log_factors, sample = drawn(1.0, rows=100)

    assert calibration_slope(np.zeros(100), sample, Link.LOG) == 1.0
    assert calibration_slope(log_factors, sample_of([0.0] * 100, fold=[0] * 100), Link.LOG) == 1.0


@pytest.mark.parametrize("link", Link)
def test_a_model_shrunk_by_slope_is_flatter_and_expects_as_many_outcomes(link):
    sample = planted(base=0.1)
    model = fit(sample, {"site": 4, "device": 8}, link)
    flat = shrink_by_slope(model, sample, 0.5)

    assert flat.factors["site"].theta == pytest.approx(np.sqrt(model.factors["site"].theta))
    assert (flat.rates(sample) * sample.exposure).sum() == pytest.approx(sample.outcome.sum())
    assert np.log(flat.rates(sample)).std() < 0.6 * np.log(model.rates(sample)).std()
