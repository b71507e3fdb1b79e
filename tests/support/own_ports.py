"""Ports that no other worker of a test session picks: two stacks that start at once could pick the same."""

import os

from rtb_optimizer.local import ports


def take_share(environ=os.environ):
    """Let this worker pick its stacks' ports in a part of the range of its own."""
    number, workers = environ.get("PYTEST_XDIST_WORKER", "gw0"), environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    ports.FREE_RANGE = share(ports.FREE_RANGE, int(number.removeprefix("gw")), int(workers))


def share(whole, number, workers):
    """Return a worker's part of a range, with room above it for the inner ports of a store.

    A worker that replaces a crashed one has a number of its own: it takes a share that another has, never none.
    """
    size, number = len(whole) // workers, number % workers
    return whole[number * size : (number + 1) * size - len(ports.OBJECT_STORE_PARTS)]
