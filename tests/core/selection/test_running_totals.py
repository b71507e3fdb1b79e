"""Counts that run on from row to row of a key, among honest counts that rise and fall."""

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.selection.running_totals import running_totals

HOURS = np.arange(24)
DIURNAL = 1 + 0.8 * np.sin((HOURS - 9) / 24 * 2 * np.pi)


def aggregated(*, days=3, hours=24, level=200.0, rate=0.05, growth=1.0, spread=1.0, seed=1):
    """Poisson counts by site, device, day and hour (sites x days x hours), and how a site's day looks."""
    draw = np.random.default_rng(seed)
    keys = np.exp(draw.normal(0, spread, 60))
    shape = DIURNAL[:hours] if growth == 1.0 else growth ** np.arange(hours)
    mean = keys[:, None, None] * level * np.ones(days)[None, :, None] * shape[None, None, :]
    exposure = draw.poisson(mean).astype(float)
    return exposure, draw.binomial(exposure.astype(int), rate).astype(float), draw


def found(exposure, outcome, draw, *, drawn=1.0, unit="h", columns=True, known=60):
    _sites, _days, _hours = exposure.shape
    site, day, hour = (each.ravel() for each in np.indices(exposure.shape))
    site = np.minimum(site, known)
    steps = day * 24 + hour if unit == "h" else day
    time = np.datetime64("2026-03-07T00", "m") + steps * np.timedelta64(1, unit)
    keep = (exposure.ravel() > 0) & ((outcome.ravel() > 0) | (draw.random(site.size) < drawn))
    features = {"site": feature(site[keep] // 3), "device": feature(site[keep] % 3)} if columns else {}
    features |= {"hour": feature(hour[keep]), "day": feature(day[keep])}
    counts = [exposure.ravel()[keep], outcome.ravel()[keep]]
    return running_totals(counts, features, time[keep])


def since_midnight(exposure, outcome, draw):
    return exposure.cumsum(axis=2), outcome.cumsum(axis=2), draw


def since_the_beginning(exposure, outcome, draw):
    flat = [each.reshape(len(each), -1).cumsum(axis=1).reshape(each.shape) for each in (exposure, outcome)]
    return (*flat, draw)


@pytest.mark.parametrize(
    ("world", "change", "how"),
    [
        ({}, since_midnight, {}),
        ({"days": 1}, since_midnight, {}),
        ({"level": 5}, since_midnight, {}),
        ({"level": 5_000, "rate": 0.002}, since_midnight, {}),
        ({}, since_the_beginning, {}),
        ({"days": 14, "hours": 1}, since_the_beginning, {"unit": "D"}),
        ({}, since_midnight, {"drawn": 0.3}),
        ({"days": 120}, since_midnight, {}),
    ],
    ids=[
        "since midnight",
        "since midnight, one day",
        "since midnight, few exposures a row",
        "since midnight, many exposures and few outcomes",
        "since the beginning of the window",
        "daily, since the beginning of the window",
        "since midnight, a sample of the rows",
        "since midnight, more rows than are looked at",
    ],
)
def test_running_totals_are_told(world, change, how):
    told = found(*change(*aggregated(**world)), **how)

    assert told is not None
    assert told.falls <= 0.1 * told.expected


def smooth(exposure, _outcome, draw):
    """Counts without any noise, through a whole day."""
    mean = exposure.mean(axis=(1, 2), keepdims=True) * DIURNAL[None, None, :]
    return np.ceil(np.broadcast_to(mean, exposure.shape)), np.ceil(np.broadcast_to(mean / 20, exposure.shape)), draw


def smooth_morning(exposure, _outcome, draw):
    """Counts without any noise that grow from hour to hour."""
    mean = exposure.mean(axis=(1, 2), keepdims=True) * 1.2 ** np.arange(exposure.shape[2])[None, None, :]
    return np.ceil(np.broadcast_to(mean, exposure.shape)), np.ceil(np.broadcast_to(mean / 20, exposure.shape)), draw


def as_planned(exposure, _outcome, draw):
    """Exposures that are delivered evenly."""
    return np.full(exposure.shape, 1_000.0), draw.binomial(1_000, 0.02, exposure.shape).astype(float), draw


def at_most_one(exposure, outcome, draw):
    return exposure, np.minimum(outcome, 1), draw


@pytest.mark.parametrize(
    ("world", "change", "how"),
    [
        ({}, None, {}),
        ({"level": 3}, None, {}),
        ({"level": 50_000}, None, {}),
        ({"hours": 12, "growth": 1.3}, None, {}),
        ({"hours": 12, "growth": 1.3, "days": 1}, None, {}),
        ({"hours": 8, "growth": 2.0, "level": 5}, None, {}),
        ({"days": 14, "hours": 1}, None, {"unit": "D"}),
        ({}, None, {"drawn": 0.2}),
        ({"level": 10, "rate": 0.02}, at_most_one, {"drawn": 0.2}),
        ({}, smooth, {}),
        ({"hours": 10}, smooth_morning, {}),
        ({}, as_planned, {}),
        ({"days": 1, "hours": 3}, since_midnight, {}),
        ({}, since_midnight, {"columns": False}),
        ({}, since_midnight, {"known": 12}),
    ],
    ids=[
        "counts of an hour",
        "small counts",
        "large counts",
        "counts that grow through a morning",
        "counts that grow through one morning",
        "counts that double every hour",
        "counts of a day",
        "a sample of the rows",
        "one outcome or none",
        "counts without noise",
        "counts without noise that grow through a morning",
        "exposures as planned",
        "three rows of a key are too few",
        "no key to follow",
        "most keys told by no column",
    ],
)
def test_counts_of_their_own_hour_are_not(world, change, how):
    rows = aggregated(**world)

    assert found(*(change(*rows) if change else rows), **how) is None
