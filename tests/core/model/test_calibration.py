"""A table is as steep as days that it does not know confirm, and no steeper."""

import numpy as np
import pytest

from planted_samples import planted, sample_of
from rtb_optimizer.core.model.calibration import calibration_slope, left_out_log_factors
from rtb_optimizer.core.model.fit import fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.sample import Sample


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


def of_days(slopes, link, rows=2_000, exposures=500, spread=0.0):
    """Rows of aggregated logs whose outcomes follow the factors to the power of their day's slope, level aside."""
    draw, days = np.random.default_rng(8), len(slopes)
    day = np.repeat(np.arange(days), rows)
    log_factors = draw.normal(0, 0.6, days * rows)
    strength = np.exp(
        np.array(slopes)[day] * log_factors + draw.normal(0, 0.3, days)[day] + spread * draw.normal(size=len(day))
    )
    rate = 0.05 * strength / (1 + (0.05 * strength if link is Link.LOGIT else 0))
    exposure = np.full(len(day), float(exposures))
    outcome = draw.binomial(exposures, np.minimum(rate, 1)).astype(float)
    return log_factors, Sample(exposure, outcome, exposure, day, {})


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize(
    ("slopes", "estimated"),
    [
        ([1.0] * 6, 1.0),
        ([0.8] * 6, 0.8),
        ([0.7, 1.3, 0.7, 1.3, 1.0, 1.0], 1.0),
        ([0.5, 0.9, 0.5, 0.9, 0.7, 0.7], 0.76),  # days that disagree weigh less: a standard error of 0.07
    ],
    ids=["no drift", "drift alike every day", "days that disagree around 1", "days that disagree"],
)
def test_the_slope_of_several_days_is_as_precise_as_the_days_agree(slopes, estimated, link):
    assert calibration_slope(*of_days(slopes, link), link) == pytest.approx(estimated, abs=0.03)


@pytest.mark.parametrize("link", Link)
def test_one_day_among_others_does_not_decide(link):
    alone, among = (calibration_slope(*of_days(slopes, link), link) for slopes in ([0.6], [1.0] * 6 + [0.6]))

    assert alone == pytest.approx(0.6, abs=0.03)
    assert 0.92 < among < 1.0


@pytest.mark.parametrize("link", Link)
def test_a_row_that_counts_its_exposures_a_hundred_times_is_no_more_evidence(link):
    log_factors, sample = drawn(0.6, rows=2_000, link=link)
    weighted = Sample(100 * sample.exposure, 100 * sample.outcome, sample.spend, sample.fold, {})

    once = calibration_slope(log_factors, sample, link)
    assert 0.7 < once < 0.95
    assert calibration_slope(log_factors, weighted, link) == pytest.approx(once, abs=0.02)


def test_exposures_of_a_row_that_go_together_are_less_evidence_than_independent_ones():
    alike, together = (of_days([0.6], Link.LOGIT, rows=60, exposures=2_000, spread=s) for s in (0.0, 1.2))

    assert calibration_slope(*alike, Link.LOGIT) == pytest.approx(0.6, abs=0.05)
    assert 0.75 < calibration_slope(*together, Link.LOGIT) < 1.1


def test_a_day_without_outcomes_does_not_count():
    log_factors, sample = of_days([0.8, 0.8, 1.0], Link.LOG)
    outcome = np.where(sample.fold == 2, 0.0, sample.outcome)
    emptied = Sample(sample.exposure, outcome, sample.spend, sample.fold, {})
    known = sample.fold < 2

    assert calibration_slope(log_factors, emptied, Link.LOG) == calibration_slope(
        log_factors[known], sample.where(known), Link.LOG
    )


@pytest.mark.parametrize("link", Link)
def test_the_factors_of_a_row_are_those_of_a_fit_without_its_fold(link):
    sample = planted(base=0.1).by_fold()
    priors = {"site": 4.0, "device": 8.0, "noise": 8.0}
    left_out = left_out_log_factors(fit(sample, priors, link), sample)

    for fold in np.unique(sample.fold):
        within, model = sample.fold == fold, fit(sample.where(sample.fold != fold), priors, link)
        exact = np.log(model.strengths(sample.where(within)) / model.base)
        assert left_out[within] - left_out[within].mean() == pytest.approx(exact - exact.mean(), abs=0.03)


@pytest.mark.parametrize("link", Link)
def test_a_value_of_one_fold_alone_has_no_factor_there(link):
    sample = sample_of([1.0, 0.0] * 200 + [1.0] * 40, fold=[0] * 200 + [1] * 240, x=["a"] * 400 + ["b"] * 40)
    left_out = left_out_log_factors(fit(sample, {"x": 2.0}, link), sample)

    assert fit(sample, {"x": 2.0}, link).factors["x"].theta[1] > 1.1
    assert left_out[400:] == pytest.approx(0.0, abs=1e-9)


def test_noise_has_a_slope_below_1_where_rows_are_judged_by_factors_that_know_them():
    draw = np.random.default_rng(4)
    sample = sample_of(
        (draw.random(6_000) < 0.1).astype(float), fold=np.arange(6_000) // 1_000, x=draw.integers(0, 300, 6_000)
    )
    model = fit(sample, {"x": 4.0})

    assert calibration_slope(np.log(model.strengths(sample) / model.base), sample, Link.LOG) > 1.1
    assert calibration_slope(left_out_log_factors(model, sample), sample, Link.LOG) < 0.85


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
