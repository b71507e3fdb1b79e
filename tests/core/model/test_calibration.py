"""A table is as steep as the next day confirms, and no steeper."""

import numpy as np
import pytest

from planted_samples import planted, sample_of
from rtb_optimizer.core.model.calibration import calibration_slope
from rtb_optimizer.core.model.fit import fit, tempered
from rtb_optimizer.core.model.link import Link


def seen(slope, rows=40_000, link=Link.LOG, base=0.05):
    """Rows whose outcomes follow what was told to the power of a slope."""
    draw = np.random.default_rng(6)
    told = draw.normal(0, 0.6, rows)
    strength = base * np.exp(slope * told)
    rate = strength if link is Link.LOG else strength / (1 + strength)
    return told, sample_of((draw.random(rows) < np.minimum(rate, 1)).astype(float), fold=[0] * rows)


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("slope", [0.6, 0.8, 1.0, 1.2])
def test_the_slope_that_the_outcomes_follow_is_found(slope, link):
    assert calibration_slope(*seen(slope, link=link), link) == pytest.approx(slope, abs=0.06)


def test_a_slope_far_from_1_takes_outcomes_to_show():
    told, sample = seen(0.6, rows=400)

    assert 0.85 < calibration_slope(told, sample, Link.LOG) < 1.1


@pytest.mark.parametrize(("slope", "kept"), [(0.1, 0.5), (2.0, 1.25), (-1.0, 0.5)])
def test_a_slope_is_bounded(slope, kept):
    assert calibration_slope(*seen(slope, base=0.02), Link.LOG) == kept


def test_nothing_told_or_nothing_seen_is_a_slope_of_1():
    told, sample = seen(1.0, rows=100)

    assert calibration_slope(np.zeros(100), sample, Link.LOG) == 1.0
    assert calibration_slope(told, sample_of([0.0] * 100, fold=[0] * 100), Link.LOG) == 1.0


@pytest.mark.parametrize("link", Link)
def test_a_tempered_model_is_flatter_and_expects_as_many_outcomes(link):
    sample = planted(base=0.1)
    model = fit(sample, {"site": 4, "device": 8}, link)
    flat = tempered(model, sample, 0.5)

    assert flat.factors["site"].theta == pytest.approx(np.sqrt(model.factors["site"].theta))
    assert (flat.rates(sample) * sample.exposure).sum() == pytest.approx(sample.outcome.sum())
    assert np.log(flat.rates(sample)).std() < 0.6 * np.log(model.rates(sample)).std()
