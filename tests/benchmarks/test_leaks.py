"""The worlds of the leak bench have columns that a run suspects, and honest ones that it does not."""

import pytest


@pytest.fixture
def leaks(script):
    return script("leaks")


@pytest.mark.parametrize("weighted", [False, True])
def test_honest_columns_are_not_suspected_and_leaks_are(leaks, weighted):
    world = leaks.leaking_world(3, weighted=weighted)

    assert [name for name, feature in world.honest.items() if leaks.is_suspected(feature, world)] == []
    assert all(leaks.is_suspected(feature, world) for feature in world.leaks.values())


def test_a_weighted_world_has_the_weights_of_the_rows_that_are_gone(leaks):
    plain, weighted = leaks.leaking_world(3), leaks.leaking_world(3, weighted=True)

    assert weighted.rows.with_outcome.sum() == plain.rows.with_outcome.sum()
    assert (weighted.rows.without @ weighted.rows.log_weight) == pytest.approx(plain.rows.without.sum(), rel=0.1)
