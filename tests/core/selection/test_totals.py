"""Rows that are the sum of the others, by their sums and not by their words."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.selection.totals import totals_among_rows

DAYS = np.array([date(2026, 3, 1), date(2026, 3, 2)], dtype="datetime64[D]")


def report(*, total=True, spoiled=1.0, scale=1.0, cost=True):
    """Two days of a report by site, each with a row of its total, some of whose sums are spoiled by a factor."""
    draw = np.random.default_rng(1)
    rows = []
    for day in DAYS:
        of_sites = [(day, f"s{n}", draw.integers(500, 5_000), draw.integers(5, 50), draw.random()) for n in range(30)]
        sums = [sum(row[n] for row in of_sites) for n in (2, 3, 4)]
        rows += [*of_sites, *([(day, "Total", sums[0], sums[1] * spoiled, round(sums[2], 2))] if total else [])]
    days, site, exposure, outcome, spend = map(np.array, zip(*rows, strict=True))
    sample = sample_of(outcome / scale, np.zeros(len(rows), dtype=int), exposure / scale, site=site)
    sample = replace(sample, spend=spend, stands_for=scale)
    by_day = {
        day.astype(object): Counts(
            int((days == day).sum()), *(float(of[days == day].sum()) for of in (exposure, outcome)), 0.0, c
        )
        for day in DAYS
        for c in [float(spend[days == day].sum())]
    }
    return totals_among_rows(sample, days.astype("datetime64[D]"), by_day, has_cost=cost)


@pytest.mark.parametrize("how", [{}, {"cost": False}, {"scale": 4.0}], ids=["plain", "without a cost", "weighted"])
def test_a_row_with_the_sums_of_all_others_of_its_day_is_a_total(how):
    found = report(**how)

    assert (found.feature, found.value, found.rows) == ("site", "Total", 2)


@pytest.mark.parametrize("how", [{"total": False}, {"spoiled": 1.01}], ids=["no total", "a value that is a half"])
def test_other_rows_are_none(how):
    assert report(**how) is None


def test_halves_of_a_test_are_no_totals():
    arm = np.arange(20_000) % 2
    sample = sample_of(arm[::-1] * 0 + (np.arange(20_000) // 2 % 20 == 0), np.zeros(20_000, dtype=int), arm=arm)
    days = np.full(20_000, DAYS[0])
    whole = Counts(20_000, 20_000.0, float(sample.outcome.sum()), 0.0, 0.0)

    assert totals_among_rows(sample, days, {DAYS[0].astype(object): whole}, has_cost=False) is None
