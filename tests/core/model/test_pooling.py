"""What entities agree on is what one more starts from; what they do not agree on, or do not share, is never pooled."""

import numpy as np
import pytest

from rtb_optimizer.core.model.pooling import MIN_ENTITIES, Known, pool

VALUES = [f"value{n}" for n in range(12)]
OUTCOMES = 400.0


def entities(seed, number, shared, own, values=VALUES, common=None):
    """Entities whose log factors have these deviations, in common and of their own, each from its own reference."""
    draw = np.random.default_rng(seed)
    common = draw.normal(0, shared, len(values)) if common is None else common
    variance = np.full(len(values), 1 / OUTCOMES)
    return [
        Known(values, draw.normal() + common + draw.normal(0, np.sqrt(own**2 + variance)), variance)
        for _ in range(number)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_what_entities_agree_on_is_what_one_more_starts_from_the_surer_the_more_they_agree(seed):
    truth = np.linspace(-0.8, 0.8, len(VALUES))
    precisions = []
    for own in (0.05, 0.3):
        pooled = pool(entities(seed, 6, 0.0, own, common=truth))
        logs = np.log([pooled.centres[value].factor for value in VALUES])
        assert logs == pytest.approx(truth, abs=max(0.1, 1.2 * own))
        assert pooled.siblings == 6
        assert own**2 / 2 <= pooled.between <= 3 * own**2 + 2 / OUTCOMES
        precisions.append(np.median([centre.precision for centre in pooled.centres.values()]))
    assert precisions[0] > 3 * precisions[1]


@pytest.mark.parametrize("seed", range(5))
def test_where_entities_disagree_nothing_is_pooled(seed):
    assert pool(entities(seed, 6, shared=0.0, own=0.5)) is None


def test_ids_of_an_entity_s_own_are_never_pooled_whatever_is_shared_beside_them():
    shared = entities(1, 5, shared=0.5, own=0.05)
    own = [[f"{n}-{value}" for value in VALUES] for n in range(5)]
    assert pool([Known(values, of.log_factor, of.variance) for values, of in zip(own, shared, strict=True)]) is None

    beside = [
        Known([*VALUES[:2], *values], np.r_[of.log_factor[:2], 2 * of.log_factor], np.r_[of.variance[:2], of.variance])
        for values, of in zip(own, shared, strict=True)
    ]
    assert pool(beside) is None, "the values that are shared hold a small part of the evidence"


def test_a_value_that_too_few_entities_know_is_not_pooled_nor_is_anything_of_too_few_entities():
    known = entities(2, 5, shared=0.6, own=0.05)
    secret = [
        Known([*VALUES, "secret"], np.r_[of.log_factor, 2.0], np.r_[of.variance, 0.01]) if n < MIN_ENTITIES - 1 else of
        for n, of in enumerate(known)
    ]

    assert pool(secret).centres.keys() == set(VALUES)
    assert pool(known[: MIN_ENTITIES - 1]) is None
    assert pool([]) is None


def test_another_mix_of_values_shifts_an_entity_s_factors_and_not_what_is_pooled():
    known = entities(3, 6, shared=0.5, own=0.02)
    shifted = [Known(of.values, of.log_factor + 3 * n, of.variance) for n, of in enumerate(known)]
    was, now = pool(known).centres, pool(shifted).centres

    assert [now[v].factor for v in VALUES] == pytest.approx([was[v].factor for v in VALUES], rel=1e-6)
