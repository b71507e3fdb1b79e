"""Outcomes of the last hours that are still to come, beside evenings and days that vary by themselves."""

from datetime import date, timedelta

import numpy as np
import pytest

from rtb_optimizer.core.decision.late_outcomes import late_outcomes

FIRST = date(2026, 3, 1)
WORLDS = 150


def logs(days=7, drift=0.1, seed=0, outcomes=1_000):
    """Rows and rows with an outcome by hour; days and their hours vary by themselves."""
    draw, rows, positives = np.random.default_rng(seed), {}, {}
    for n in range(days):
        rate = 0.05 * np.exp(draw.normal(0, drift) + np.cumsum(draw.normal(0, drift / 3, 24)))
        for hour in range(24):
            rows[FIRST + timedelta(n), hour] = count = int(draw.poisson(outcomes / 24 / 0.05))
            positives[FIRST + timedelta(n), hour] = int(draw.binomial(count, min(rate[hour], 0.9)))
    return rows, positives


def kept(positives, day, first, share, last=24):
    """The same with a share of the outcomes of some hours."""
    return {
        (at, hour): round(n * share) if at == day and first <= hour < last else n for (at, hour), n in positives.items()
    }


def test_a_last_evening_with_a_fifth_of_its_outcomes_is_named():
    rows, positives = logs()
    late = late_outcomes(rows, kept(positives, FIRST + timedelta(6), 18, 0.2))

    assert (late.day, late.first) == (FIRST + timedelta(6), 18)
    assert late.found < 0.3 * late.expected


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [(6, 0, 24), (5, 18, 24), (6, 10, 12)],
    ids=["a whole day", "an evening before the last", "hours amid"],
)
def test_what_is_not_the_end_of_the_window_is_not_late(day, first, last):
    rows, positives = logs()

    assert late_outcomes(rows, kept(positives, FIRST + timedelta(day), first, 0.5, last)) is None


def test_few_days_say_nothing():
    rows, positives = logs(days=4)

    assert late_outcomes(rows, kept(positives, FIRST + timedelta(3), 18, 0.2)) is None


@pytest.mark.parametrize("drift", [0.1, 0.2])
def test_evenings_that_vary_by_themselves_are_hardly_ever_named(drift):
    alarms = sum(late_outcomes(*logs(drift=drift, seed=seed)) is not None for seed in range(WORLDS))

    assert alarms <= 0.02 * WORLDS
