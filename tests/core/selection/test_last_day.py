"""A feature that holds something else on the last day is named; one that differs from day to day is not."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.selection.last_day import last_day_warnings

ROWS, DAYS = 14_000, 7
DRAW = np.random.default_rng(8)
DAY = DRAW.integers(0, DAYS, ROWS)
KIND = np.array(["mobile", "desktop", "tablet"])[DRAW.choice(3, ROWS, p=[0.5, 0.3, 0.2])]
SITE = np.array([f"site{n}" for n in np.minimum(DRAW.zipf(1.3, ROWS), 3_000)])
LAST = DAY == DAYS - 1


def messages(column, days=DAY):
    order = np.argsort(np.arange(ROWS) % 5, kind="stable")  # as the sample is sorted
    dates = np.datetime64("2026-03-01") + days.astype("timedelta64[D]")
    sample = sample_of(np.zeros(ROWS), device=column)
    return [warning.message for warning in last_day_warnings(sample, ["device"], dates[order])]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.where(LAST, "unknown", KIND), "in 100% of its exposures: device=unknown in 100%, in 0% before"),
        (np.where(LAST, "tablet", KIND), "of its exposures: device=tablet in 100%, in "),
        (np.where(LAST & (KIND == "mobile"), "phone", KIND), "of its exposures: device=phone in "),
        (np.where(LAST, np.char.upper(SITE), SITE), "in 100% of its exposures: device=SITE"),
    ],
    ids=["a default", "a default that is a value", "a value that was renamed", "another spelling"],
)
def test_values_that_change_on_the_last_day_are_told(column, words):
    [message] = messages(column)

    assert message.startswith("device has other values on the last day, 2026-03-07, in ")
    assert words in message


@pytest.mark.parametrize(
    "column",
    [
        KIND,
        SITE,
        DAY.astype(str),
        (DAY >= DAYS - 2).astype(str),
        LAST.astype(str),
        np.where(LAST & (DRAW.random(ROWS) < 0.25), "new", KIND),
        np.where(DAY == 2, "unknown", KIND),
        np.where(DAY >= 3, "unknown", KIND),
    ],
    ids=[
        "healthy",
        "many values",
        "days",
        "a weekend",
        "a Sunday",
        "a new app",
        "a day amid",
        "for half of the window",
    ],
)
def test_values_that_differ_as_those_of_other_days_do_or_hardly_are_not(column):
    assert messages(column) == []


def test_two_days_do_not_tell_which_is_usual():
    assert messages(np.where(DAY % 2 == 1, "unknown", KIND), DAY % 2) == []
