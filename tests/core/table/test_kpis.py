"""Key figures are ratios of sums, and a change has the interval of chance alone."""

import pytest

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.kpis import kpis

WINDOW = Counts(rows=1000, exposure=10_000, outcome=100, value=50.0, cost=20.0)


def kpi(name, totals=WINDOW, previous=()):
    return next(kpi for kpi in kpis(totals, previous) if kpi.name == name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome rate", 0.01),
        ("value per thousand", 5.0),
        ("cost per thousand", 2.0),
        ("cost per outcome", 0.2),
        ("value per outcome", 0.5),
        ("value over cost", 2.5),
    ],
)
def test_a_figure_is_its_numerator_over_its_denominator(name, value):
    assert kpi(name).value == pytest.approx(value)


def test_nothing_over_nothing_is_no_number():
    assert kpi("value over cost", Counts(1, 10, 0, 0.0, 0.0)).value is None


def test_a_change_is_against_the_run_before():
    before = kpis(Counts(1000, 10_000, 80, 50.0, 40.0))

    assert kpi("cost per thousand", previous=before).change == pytest.approx(-0.5)
    assert kpi("cost per thousand", previous=before).low is None


@pytest.mark.parametrize(("was", "sure"), [(80, False), (40, True), (100, False), (200, True)])
def test_a_change_of_the_outcome_rate_says_whether_chance_explains_it(was, sure):
    rate = kpi("outcome rate", previous=kpis(Counts(1000, 10_000, was, 50.0, 40.0)))

    assert rate.low < rate.change < rate.high
    assert (rate.low > 0 or rate.high < 0) is sure


def test_without_a_run_before_nothing_changed():
    assert kpi("outcome rate").change is None
