"""Rows of values that were written after the outcome are like rows with the outcome, by every other column."""

from dataclasses import dataclass

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.selection.leaks import Sign, suspicion
from rtb_optimizer.core.selection.written_after import is_as_drawn_from_outcomes

STICKY_SHARE, STICKY_RATE = 0.12, 0.997
LEAKED = 0.33


@dataclass
class Logs:
    """Rows of thinned logs: those with the outcome, and one of twenty without it, which weighs as many."""

    outcome: np.ndarray
    placement: np.ndarray
    others: list[Feature]
    weight: np.ndarray

    @property
    def rows(self):
        ones = np.ones(len(self.outcome))
        return RowOutcomes(self.outcome.astype(float), 1.0 - self.outcome, ones, self.weight)

    def suspicion_of(self, column, others=None):
        return suspicion(feature(column.tolist()), self.rows, self.others if others is None else others)


def thinned(seed=1, n=30_000, one_in=20, effects=1.0):
    """Logs at a rate of about a half; one placement is nearly certain of the outcome, and other columns predict it."""
    draw = np.random.default_rng(seed)
    codes = {name: draw.integers(0, size, n) for name, size in {"geo": 30, "device": 5}.items()}
    odds = sum(effects * draw.normal(0, 0.6, code.max() + 1)[code] for code in codes.values())
    sticky = draw.random(n) < STICKY_SHARE
    outcome = draw.random(n) < np.where(sticky, STICKY_RATE, 1 / (1 + np.exp(-odds)))
    kept = np.flatnonzero(outcome | (draw.random(n) < 1 / one_in))
    placement = np.where(sticky, "sticky", draw.integers(0, 20, n).astype(str))
    others = [feature(code[kept].astype(str).tolist()) for code in codes.values()]
    return Logs(outcome[kept], placement[kept], others, np.where(outcome[kept], 1.0, float(one_in)))


def leaked_into(logs, seed=2):
    """A column whose value tells a third of the outcomes, and nothing else of the rows."""
    draw = np.random.default_rng(seed)
    plain = draw.integers(0, 20, len(logs.outcome)).astype(str)
    return np.where(logs.outcome & (draw.random(len(logs.outcome)) < LEAKED), "done", plain)


@pytest.mark.parametrize("seed", range(5))
def test_pure_values_are_found_though_each_row_without_the_outcome_weighs_twenty(seed):
    logs = thinned(seed)

    assert logs.suspicion_of(leaked_into(logs)).sign is Sign.VALUES


@pytest.mark.parametrize("seed", range(20))
def test_a_placement_near_1_of_which_hardly_a_row_without_the_outcome_was_kept_is_honest(seed):
    logs = thinned(seed)

    assert (logs.outcome[logs.placement == "sticky"] == 0).sum() <= 3, "purity alone does not tell them apart"
    assert logs.suspicion_of(logs.placement) is None


def test_an_honest_placement_beside_a_leak_is_honest():
    logs = thinned()
    leak = feature(leaked_into(logs).tolist())

    assert logs.suspicion_of(logs.placement, [*logs.others, leak]) is None


def test_an_honest_placement_beside_a_column_of_the_same_values_is_honest():
    logs = thinned()

    assert logs.suspicion_of(logs.placement, [*logs.others, feature(logs.placement.tolist())]) is None


def test_where_no_other_column_predicts_the_outcome_nothing_tells_a_leak_from_an_honest_value():
    logs = thinned(effects=0.0)
    held = leaked_into(logs) == "done"

    assert not is_as_drawn_from_outcomes(held, logs.rows, logs.others)
    assert not is_as_drawn_from_outcomes(held, logs.rows, [])


def test_a_value_of_one_region_alone_is_not_as_drawn_from_the_outcomes():
    logs = thinned()
    geo = logs.others[0]
    held = (geo.codes < 4) & logs.outcome

    assert not is_as_drawn_from_outcomes(held, logs.rows, logs.others)
