"""Logs like those of viewability: base rates of 20 to 80 %, placements near 0 and 1, and columns that leak the outcome.

Each world has honest columns of the kinds that logs have, and one column of each kind of leak. Weighted worlds keep one
of many rows without the outcome (or with it), each with the weight of those that it stands for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.sample.values import MISSING

Column = NDArray[np.str_]
Draw = np.random.Generator
ROWS = (20_000, 60_000)
BASE_RATES = (0.2, 0.8)
DOMINANT_RATES = (0.005, 0.03)
"""How far from 0 and from 1 the rates of dominant placements are."""
THINNED_TO = 0.25
LEAKED, LEAKED_ELSEWHERE, WRITTEN, COPIED_WRONG = 0.33, 0.002, 0.6, 0.02
"""The shares of the outcomes that have a leak of one kind, of the other rows that have it too, and of wrong copies."""
NO_FLOOR, HELD = 0.6, 0.5


@dataclass(frozen=True, slots=True)
class LeakingWorld:
    """The honest columns, the leaks by kind, and the outcomes by row."""

    honest: Mapping[str, Feature]
    leaks: Mapping[str, Feature]
    rows: RowOutcomes


def leaking_world(seed: int, *, weighted: bool = False) -> LeakingWorld:
    """Return a world; `weighted` ones are thinned to a quarter of the rows without the outcome."""
    draw = np.random.default_rng([seed, 14])
    n = int(np.exp(draw.uniform(*np.log(ROWS))))
    rate, columns = _honest(draw, n, draw.uniform(*BASE_RATES))
    outcome = draw.random(n) < rate
    leaks = {name: make(draw, outcome) for name, make in LEAKS.items()}
    kept = np.flatnonzero(outcome | (draw.random(n) < (THINNED_TO if weighted else 1.0)))
    with_outcome = outcome[kept].astype(float)
    return LeakingWorld(
        {name: _feature(column[kept]) for name, column in columns.items()},
        {name: _feature(column[kept]) for name, column in leaks.items()},
        RowOutcomes(
            with_outcome,
            1 - with_outcome,
            np.ones(len(kept)),
            np.where(outcome[kept] | (not weighted), 1.0, 1 / THINNED_TO),
        ),
    )


def _honest(draw: Draw, n: int, base: float) -> tuple[NDArray[np.float64], dict[str, Column]]:
    """Return the rate of each row, and the columns that were known before the outcome."""
    unit, unit_rate = _placements(draw, n, base)
    geo, geo_odds = _valued(draw, n, 40, 0.4)
    device, device_odds = _valued(draw, n, 5, 0.7)
    domain, domain_odds = _valued(draw, n, n // 20, 0.6)
    frequency = draw.poisson(draw.uniform(0.3, 3.0), n)
    segments, segment_odds = _lists(draw, n)
    odds = np.log(unit_rate / (1 - unit_rate)) + geo_odds + device_odds + domain_odds + segment_odds
    rate = 1 / (1 + np.exp(-(odds + 0.15 * (frequency - frequency.mean()))))
    return rate, {
        "ad_unit": unit,
        "geo": geo,
        "device": device,
        "domain": domain,
        "frequency": frequency.astype(str),
        "segments": segments,
        "bid_id": draw.permutation(n).astype(str),
        "floor": np.where(draw.random(n) < NO_FLOOR, MISSING, np.round(draw.gamma(2, 1, n), 1).astype(str)),
    }


def _placements(draw: Draw, n: int, base: float) -> tuple[Column, NDArray[np.float64]]:
    """Return ad units, two of which hold most exposures: one near 1, one near 0; the others make up the base rate."""
    size, near = 30, draw.uniform(*DOMINANT_RATES, 2)
    share = base * draw.uniform(0.2, 0.7), (1 - base) * draw.uniform(0.2, 0.7)
    weight = np.r_[share, (1 - sum(share)) * draw.dirichlet(np.ones(size - 2))]
    left = np.clip((base - share[0]) / (1 - sum(share)), 0.05, 0.95)
    rate = np.r_[1 - near[0], near[1], np.clip(draw.beta(4 * left, 4 * (1 - left), size - 2), 0.01, 0.99)]
    code = draw.choice(size, n, p=weight / weight.sum())
    return np.char.add("u", code.astype(str)), rate[code]


def _valued(draw: Draw, n: int, size: int, spread: float) -> tuple[Column, NDArray[np.float64]]:
    """Return a column of so many values with Zipf's frequencies, and the log-odds of each row's value."""
    frequency = 1 / np.arange(1, size + 1)
    code = draw.choice(size, n, p=frequency / frequency.sum())
    return np.char.add("v", code.astype(str)), draw.normal(0, spread, size)[code]


def _lists(draw: Draw, n: int) -> tuple[Column, NDArray[np.float64]]:
    """Return lists of up to four of 30 audience segments, and their log-odds."""
    held = draw.random((n, 4)) < HELD
    code = draw.integers(0, 30, (n, 4))
    odds = (draw.normal(0, 0.5, 30)[code] * held).sum(axis=1)
    names = [
        ",".join(f"s{c}" for c, there in zip(row, of, strict=True) if there) for row, of in zip(code, held, strict=True)
    ]
    return np.array([name or MISSING for name in names]), odds


def _pure_values(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """Values of which a few only come with the outcome: a third of the outcomes have one."""
    plain = draw.integers(0, 20, len(outcome))
    return np.where(outcome & (draw.random(len(outcome)) < LEAKED), 20 + plain % 3, plain).astype(str)


def _list_element(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """Lists, one element of which was added with the outcome: to a third with one, to 1 in 500 without."""
    lists, _ = _lists(draw, len(outcome))
    added = draw.random(len(outcome)) < np.where(outcome, LEAKED, LEAKED_ELSEWHERE)
    return np.where(added, np.char.add("converted,", lists), lists)


def _written_after(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """A state that is empty until the outcome writes it."""
    state = draw.choice(["first", "second", "third"], len(outcome))
    return np.where(outcome & (draw.random(len(outcome)) < WRITTEN), state, MISSING)


def _id_of_the_outcome(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """A value of its own for each outcome, and `0` elsewhere."""
    return np.where(outcome, draw.permutation(len(outcome)).astype(str), "0")


def _near_copy(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """The outcome, wrong in two of a hundred rows."""
    return np.where(outcome ^ (draw.random(len(outcome)) < COPIED_WRONG), "yes", "no")


def _count_with_it(draw: Draw, outcome: NDArray[np.bool_]) -> Column:
    """A count of earlier outcomes of a user, this one included."""
    return (draw.poisson(draw.uniform(0.3, 2.0), len(outcome)) + outcome).astype(str)


LEAKS: Mapping[str, Callable[[Draw, NDArray[np.bool_]], Column]] = {
    "pure values": _pure_values,
    "list element": _list_element,
    "written after the outcome": _written_after,
    "id of the outcome": _id_of_the_outcome,
    "near-copy": _near_copy,
    "count that includes it": _count_with_it,
}


def _feature(column: Column) -> Feature:
    values, codes = np.unique(column, return_inverse=True)
    return Feature(codes, tuple(map(str, values)))
