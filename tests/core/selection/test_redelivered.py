"""Rows that were delivered again under new ids, among honest rows that are alike by chance or by what a page shows."""

from types import SimpleNamespace

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.sample.hashes import mixed
from rtb_optimizer.core.selection.redelivered import Drawing, redelivered

DAY = 86_400_000_000


def rows_of(*, count=30_000, unit=1, price="fine", rate=0.05, people=True, seed=2):
    """Rows of a day: a time in microseconds cut to a unit, a site, a device, a person, a price, and an outcome."""
    draw = np.random.default_rng(seed)
    site = draw.integers(0, 20, count)
    price = {"fine": draw.gamma(2, 1, count).round(4), "of its site": site / 10 + 1, "none": np.zeros(count)}[price]
    return SimpleNamespace(
        draw=draw,
        time=draw.integers(0, DAY, count) // unit * unit,
        site=site,
        device=draw.integers(0, 3, count),
        person=draw.integers(0, count // 3, count) if people else np.zeros(count, dtype=int),
        price=price,
        outcome=draw.random(count) < rate,
    )


COLUMNS = ("time", "site", "device", "person", "price", "outcome")


def at(rows, places):
    return SimpleNamespace(draw=rows.draw, **{name: getattr(rows, name)[places] for name in COLUMNS})


def again(rows, share):
    """The rows, and a share of them once more."""
    count = len(rows.time)
    return at(rows, np.concatenate([np.arange(count), np.flatnonzero(rows.draw.random(count) < share)]))


def with_copies(rows, share, *, new=(), site=0.0):
    """The rows, and beside a share of them others of the same page view, in which some columns are drawn anew."""
    count = len(rows.time)
    both = again(rows, share)
    copies = np.arange(count, len(both.time))
    for name in new:
        getattr(both, name)[copies] = rows.draw.permutation(getattr(rows, name))[: len(copies)]
    moved = copies[rows.draw.random(len(copies)) < site]
    both.site[moved] = (both.site[moved] + 1) % 20
    return both


def bots(rows):
    """Beside the rows, bursts of five that are alike, of people who click on all."""
    count = len(rows.time)
    some = rows.draw.choice(count, 200, replace=False)
    rows.outcome[some] = True
    return at(rows, np.concatenate([np.arange(count), *[some] * 4]))


def half_at_one_price(rows):
    """Beside some rows others at the same second, half of them at the same price."""
    both = with_copies(rows, 0.3)
    anew = np.flatnonzero((np.arange(len(both.time)) >= len(rows.time)) & (rows.draw.random(len(both.time)) < 0.5))
    both.price[anew] = rows.draw.permutation(rows.price)[: len(anew)]
    return both


def slots_of_one_site(rows):
    """One site shows two slots at once, and its conversions count for both."""
    return at(rows, np.concatenate([np.arange(len(rows.time)), np.flatnonzero(rows.site == 4)]))


def found(rows, *, share=1.0, has_cost=True):
    count = len(rows.time)
    keep = rows.outcome | (rows.draw.random(count) < share)
    rows = at(rows, np.flatnonzero(keep))
    ids = mixed(np.arange(len(rows.time), dtype=np.uint64), [])
    features = {name: feature(getattr(rows, name)) for name in ("site", "device", "person")}
    cost = rows.price if has_cost else None
    time = mixed(rows.time.astype(np.uint64), [])
    return redelivered(Drawing(time, ids, rows.outcome, 1.0, share), features, cost)


@pytest.mark.parametrize(
    ("rows", "share", "how"),
    [
        ({}, 0.2, {}),
        ({}, 0.02, {}),
        ({}, 1.0, {}),
        ({"unit": 1_000}, 0.2, {}),
        ({"unit": 1_000_000}, 0.2, {}),
        ({"unit": 1_000_000, "people": False, "count": 60_000}, 0.2, {}),
        ({"count": 400_000}, 0.2, {"share": 0.2}),
        ({"price": "of its site"}, 0.2, {}),
        ({"price": "none"}, 0.2, {"has_cost": False}),
        ({"people": False}, 0.2, {}),
        ({"count": 600_000}, 0.02, {}),
    ],
    ids=[
        "a fifth",
        "a fiftieth",
        "all",
        "times of a millisecond",
        "times of a second",
        "times of a second, without people",
        "a sample of the rows",
        "a price that the site has",
        "no cost",
        "no people",
        "more rows than are looked at",
    ],
)
def test_rows_that_were_delivered_again_are_told_with_their_share(rows, share, how):
    told = found(again(rows_of(**rows), share), **how)

    assert told == pytest.approx(share / (1 + share), rel=0.25)


@pytest.mark.parametrize(
    ("rows", "change", "how"),
    [
        ({}, None, {}),
        ({"unit": 1_000_000}, None, {}),
        ({"unit": 1_000_000, "people": False}, None, {}),
        ({"unit": 60_000_000, "people": False, "price": "of its site"}, None, {}),
        ({"unit": 60_000_000, "people": False, "price": "none"}, None, {"has_cost": False}),
        ({"unit": DAY}, None, {}),
        ({"unit": DAY, "people": False, "price": "of its site"}, None, {}),
        ({}, lambda r: with_copies(r, 0.3, new=("price", "outcome")), {}),
        ({}, lambda r: with_copies(r, 0.3, new=("outcome",)), {}),
        ({"price": "of its site"}, lambda r: with_copies(r, 0.3, new=("outcome",)), {}),
        ({}, lambda r: with_copies(r, 0.3, new=("price",)), {}),
        ({"price": "of its site"}, lambda r: with_copies(r, 0.3, site=0.5), {}),
        ({"price": "none"}, lambda r: with_copies(r, 0.3, site=0.5), {"has_cost": False}),
        ({}, lambda r: with_copies(r, 0.3, site=0.5), {}),
        ({"unit": 1_000_000, "people": False}, lambda r: with_copies(r, 0.3, site=0.5), {}),
        ({"unit": 1_000_000}, lambda r: with_copies(r, 0.3, new=("price",)), {}),
        ({"unit": 1_000_000, "price": "of its site", "count": 3_000}, bots, {}),
        ({"unit": 1_000_000, "people": False, "count": 60_000}, half_at_one_price, {}),
        ({"price": "none"}, slots_of_one_site, {"has_cost": False}),
        ({"rate": 0.97, "unit": 60_000_000, "people": False, "price": "of its site"}, None, {}),
        ({"rate": 0.97, "unit": 1_000_000, "people": False}, None, {}),
        ({"rate": 0.97, "unit": 1_000_000, "count": 600}, lambda r: with_copies(r, 0.3, new=("price", "site")), {}),
        ({"rate": 0.0}, lambda r: again(r, 0.3), {}),
        ({}, lambda r: again(r, 0.0005), {}),
    ],
    ids=[
        "nothing twice",
        "times of a second",
        "times of a second, few columns",
        "times of a minute, few columns, prices of sites",
        "times of a minute, few columns, no cost",
        "no times",
        "no times, few columns, prices of sites",
        "page views of several slots",
        "page views of several slots of one price",
        "page views of several slots of one price, that the site has",
        "people whose rows all have the outcome, at prices of their own",
        "people whose rows all have the outcome, on different slots",
        "people whose rows all have the outcome, on different slots, without a cost",
        "people whose rows all have the outcome, on different slots of one price",
        "the same at times of a second, with nothing that tells people",
        "people whose rows all have the outcome, at prices of their own, at times of a second",
        "bots that click on all of many rows at once",
        "people whose rows all have the outcome, half of them at one price, at times of a second",
        "two slots of one site, alike in all that is known",
        "nearly all have the outcome, times of a minute, few columns",
        "nearly all have the outcome, times of a second",
        "nearly all have the outcome, page views of several slots",
        "no outcome to compare",
        "very few",
    ],
)
def test_rows_that_are_honestly_alike_are_not(rows, change, how):
    rows = rows_of(**rows)

    assert found(change(rows) if change else rows, **how) == 0.0
