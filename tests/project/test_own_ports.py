"""Stacks of several workers that start at once take no port of each other."""

import os

import pytest

from own_ports import share
from rtb_optimizer.local import ports
from rtb_optimizer.local.ports import with_grpc

WHOLE = range(15_000, 22_000)


@pytest.mark.parametrize("workers", [1, 2, 4, 16])
def test_no_port_of_a_worker_is_another_one_s(workers):
    shares = [share(WHOLE, number, workers) for number in range(workers)]
    taken = [{*each, *(port for base in each for port in with_grpc(base))} for each in shares]

    assert all(len(each) > 300 for each in shares)
    assert len(set().union(*taken)) == sum(map(len, taken))
    assert all(set(each) <= set(WHOLE) for each in shares)


def test_a_worker_in_place_of_a_crashed_one_has_a_share():
    assert share(WHOLE, 4, 4) == share(WHOLE, 0, 4)


def test_this_worker_picks_in_its_own_share():
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

    assert len(ports.FREE_RANGE) == len(WHOLE) // workers - len(ports.OBJECT_STORE_PARTS)
    assert set(ports.pick_free()) <= set(ports.FREE_RANGE)
