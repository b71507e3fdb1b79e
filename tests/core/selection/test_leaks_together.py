"""Values of two columns that come with the outcome together are a leak, though neither gives it away alone."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.selection.leaks import Sign, suspicion, suspicion_together

N = 40_000


def logs(leaked, seed=1, rate=0.2):
    """Two columns of three values that agree in a share of the rows with the outcome, and of others never."""
    draw = np.random.default_rng(seed)
    outcome = draw.random(N) < rate
    served, seen = draw.integers(0, 3, N), draw.integers(0, 3, N)
    differs = served == seen
    seen = np.where(differs, (seen + 1) % 3, seen) if leaked else seen
    seen = np.where(outcome & (draw.random(N) < leaked), served, seen)
    return sample_of(outcome.astype(float), served=served, seen=seen)


def rows_of(sample):
    ones = np.ones(len(sample.outcome))
    return RowOutcomes(sample.outcome, 1 - sample.outcome, ones, ones)


@pytest.mark.parametrize("leaked", [0.5, 0.9])
def test_two_columns_that_agree_with_the_outcome_alone_are_found_together(leaked):
    sample = logs(leaked)
    found = suspicion_together(sample, ["served", "seen"], rows_of(sample))

    assert [suspicion(sample.features[name], rows_of(sample)) for name in ("served", "seen")] == [None, None]
    assert found.sign is Sign.TOGETHER
    assert found.evidence.startswith("1 of the rows whose values together are such as '")


def test_the_example_is_a_pair_of_values_that_occurs():
    sample = logs(0.9)
    example = suspicion_together(sample, ["served", "seen"], rows_of(sample)).evidence.split("'")

    assert example[1] == example[3], "what agrees gives the outcome away"


@pytest.mark.parametrize("seed", range(4))
def test_columns_that_interact_honestly_are_not_suspected(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.integers(0, 6, N), draw.integers(0, 5, N)
    rate = draw.uniform(0.02, 0.95, (6, 5))[a, b]
    sample = sample_of((draw.random(N) < rate).astype(float), a=a, b=b)

    assert suspicion_together(sample, ["a", "b"], rows_of(sample)) is None


@pytest.mark.parametrize("outcomes", [0, 10, N])
def test_where_hardly_a_row_or_every_row_has_an_outcome_nothing_is_suspected(outcomes):
    sample = sample_of((np.arange(N) < outcomes).astype(float), a=np.arange(N) % 3, b=np.arange(N) % 2)

    assert suspicion_together(sample, ["a", "b"], rows_of(sample)) is None
