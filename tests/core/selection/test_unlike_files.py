"""Files whose outcomes are inverted or lost, among files that are as they should be; files that honestly differ."""

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.selection.unlike_files import unlike_files

HOUR = np.timedelta64(1, "h")


class World:
    """Rows of some files: outcomes follow a site and a country; every file has all of them."""

    def __init__(self, *, files=20, rows=40_000, rate=0.05, seed=1):
        draw = np.random.default_rng(seed)
        self.draw, self.files = draw, files
        self.file = np.arange(rows) * files // rows
        self.site, self.country = draw.integers(0, 8, rows), draw.integers(0, 4, rows)
        effect = (
            np.array([0.4, 0.6, 0.8, 1, 1, 1.2, 1.4, 1.6])[self.site] * np.array([0.5, 0.8, 1.2, 1.5])[self.country]
        )
        self.rate = np.clip(rate * effect, 0, 1)
        self.hours = np.datetime64("2026-03-07T00", "h") + draw.integers(0, 72, rows) * HOUR
        self.outcome = (draw.random(rows) < self.rate).astype(float)
        self.drawn = np.ones(rows, dtype=bool), 1.0

    def sampled(self, share):
        self.drawn = (self.outcome > 0) | (self.draw.random(len(self.file)) < share), share
        return self

    def found(self):
        keep, share = self.drawn
        outcome, ones = self.outcome[keep], np.ones(int(keep.sum()))
        weight = np.where(outcome > 0, 1.0, 1 / share)
        rows = RowOutcomes(outcome, 1 - outcome, weight, ones, 1.0, share)
        columns = {"site": feature(self.site[keep]), "country": feature(self.country[keep])}
        columns["auction"] = feature(np.arange(len(keep))[keep])
        return unlike_files(rows, feature(self.file[keep].astype(str)), columns, self.hours[keep])


def inverted(*files):
    def change(world):
        hit = np.isin(world.file, files)
        world.outcome[hit] = 1 - world.outcome[hit]

    return change


def lost(*files):
    def change(world):
        world.outcome[np.isin(world.file, files)] = 0

    return change


def named(found):
    return {(each.kind, tuple(each.files)) for each in found}


@pytest.mark.parametrize(
    ("world", "change", "expected"),
    [
        ({}, inverted(3), {("inverted", ("3",))}),
        ({}, inverted(3, 4), {("inverted", ("3", "4"))}),
        ({"rate": 0.02}, inverted(3), {("inverted", ("3",))}),
        ({"files": 4}, inverted(3), {("inverted", ("3",))}),
        ({"rate": 3.0}, inverted(3), {("inverted", ("3",))}),
        ({}, lost(7), {("lost", ("7",))}),
        ({"files": 8}, lost(2), {("lost", ("2",))}),
        (
            {"files": 40, "rows": 80_000},
            lost(2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
            {("lost", (*tuple("23456789"), "10", "11"))},
        ),
    ],
    ids=[
        "one of twenty inverted",
        "two of twenty inverted",
        "one inverted at a rate of 2 %",
        "one of four inverted",
        "one inverted where most have the outcome",
        "one of twenty without outcomes",
        "one of eight without outcomes",
        "a quarter of the files without outcomes",
    ],
)
@pytest.mark.parametrize("share", [1.0, 0.3], ids=["all rows", "a sample"])
def test_files_whose_outcomes_are_inverted_or_lost_are_found(world, change, expected, share):
    world = World(**world)
    change(world)
    found = world.sampled(share).found()

    assert {(kind, tuple(sorted(files))) for kind, files in named(found)} == {
        (kind, tuple(sorted(files))) for kind, files in expected
    }


def test_the_share_is_that_of_the_outcomes_which_are_not_what_they_say():
    world = World()
    inverted(3)(world)
    (found,) = world.found()
    hit = world.file == 3

    assert found.share == pytest.approx(world.outcome[hit].sum() / world.outcome.sum())

    world = World()
    lost(3)(world)
    (found,) = world.found()

    assert found.share == pytest.approx(1 / 20, rel=0.2)


def by_value(name):
    """A file for each value of a column, of which the first has no outcomes and the second nearly nothing else."""

    def change(world):
        world.file = getattr(world, name).copy()
        world.outcome[world.file == 0] = 0
        hit = world.file == 1
        world.outcome[hit] = world.draw.random(int(hit.sum())) < 0.97

    return change


def by_hour(world):
    world.file = ((world.hours - world.hours.min()) / HOUR).astype(int)
    lost(71)(world)


def by_day(world):
    world.file = ((world.hours - world.hours.min()) / HOUR).astype(int) // 24
    lost(2)(world)


def by_publisher(world):
    """Files of publishers that no column names, whose rates differ, one of which has no outcomes at all."""
    level = np.exp(world.draw.normal(0, 1.2, world.files))[world.file]
    world.outcome = (world.draw.random(len(world.file)) < np.clip(world.rate * level, 0, 0.9)).astype(float)
    lost(3)(world)


def sorted_by_outcome(world):
    order = np.argsort(world.outcome, kind="stable")
    for name in ("outcome", "site", "country", "hours"):
        setattr(world, name, getattr(world, name)[order])


def clicks_apart(world):
    world.file = np.where(world.outcome > 0, world.files, world.file)


def a_rest(world):
    """A last file of a few rows, as what is left over has, without an outcome."""
    world.file[:200] = world.files
    world.outcome[:200] = 0


def of_different_size(world):
    world.file = np.floor(np.log2(1 + np.arange(len(world.file)))).astype(int)


@pytest.mark.parametrize(
    ("world", "change"),
    [
        ({}, lambda _world: None),
        ({"files": 3}, inverted(1)),
        ({"files": 7}, lost(1)),
        ({"files": 1}, lambda _world: None),
        ({"rate": 0.004}, lost(3)),
        ({"rate": 0.4}, inverted(3)),
        ({}, by_value("site")),
        ({}, by_value("country")),
        ({"rows": 200_000}, by_hour),
        ({}, by_day),
        ({}, by_publisher),
        ({}, sorted_by_outcome),
        ({}, clicks_apart),
        ({}, a_rest),
        ({"rows": 100_000}, of_different_size),
        ({}, lost(*range(9))),
        ({}, lost(*range(20))),
        ({}, inverted(*range(20))),
    ],
    ids=[
        "as they should be",
        "three files",
        "seven files, of which one has no outcomes",
        "one file",
        "few outcomes in a file",
        "inverted or not is alike where the outcome is common",
        "a file for each site, of which one has none",
        "a file for each country, of which one has none",
        "a file for each hour, of which the last has none yet",
        "a file for each day, of which the last has none",
        "a file for each publisher of which no column tells",
        "rows in the order of their outcome",
        "rows with the outcome in a file of their own",
        "what is left over in a file without outcomes",
        "files of very different size",
        "nearly half of the files without outcomes",
        "no outcome at all",
        "all inverted",
    ],
)
def test_files_that_honestly_differ_are_not(world, change):
    world = World(**world)
    change(world)

    assert world.found() == []


def test_rows_without_times_are_compared_by_their_columns():
    world = World()
    lost(7)(world)
    world.hours = np.full(len(world.file), np.datetime64("2026-03-07T00", "h"))

    assert named(world.found()) == {("lost", ("7",))}
