"""A range is fetched once, by whoever needs it first, as long as there is memory for it."""

import threading
import time
from contextlib import contextmanager

import pytest

from rtb_optimizer.engines.files.fetches import Extent, Fetches

A, B, C = (Extent("logs", start, start + 10) for start in (0, 10, 20))


class Store:
    """A store that counts what is read, and holds an answer back as long as it is told to."""

    def __init__(self):
        self.read, self.answers, self.fails = [], threading.Event(), False
        self.answers.set()

    def __call__(self, extent):
        self.read.append(extent)
        assert self.answers.wait(30)
        if self.fails:
            raise OSError("not now")
        return bytes(range(extent.start, extent.stop))


@pytest.fixture
def store():
    return Store()


@contextmanager
def fetching(store, memory=1000, threads=1):
    fetches = Fetches(store, memory, threads)
    yield fetches
    fetches.close()


def test_threads_that_need_one_range_wait_for_one_request(store):
    store.answers.clear()
    with fetching(store) as fetches:
        got = []
        threads = [threading.Thread(target=lambda: got.append(fetches.get(A))) for _ in range(5)]
        for thread in threads:
            thread.start()
        store.answers.set()
        for thread in threads:
            thread.join()

    assert got == [bytes(range(10))] * 5
    assert store.read == [A]


def test_what_was_read_longest_ago_is_dropped_and_what_is_kept_is_not(store):
    with fetching(store, memory=20) as fetches:
        for extent, keep in ((A, True), (B, False), (C, False), (Extent("logs", 30, 40), False), (A, True), (B, False)):
            fetches.get(extent, keep=keep)

        assert store.read.count(A) == 1
        assert store.read.count(B) == 2
        assert fetches.containing("logs", 12, 14) == B
        assert fetches.containing("logs", 22, 24) is None


def test_a_range_that_someone_waits_for_is_fetched_at_once_though_others_have_their_turn_before(store):
    store.answers.clear()
    with fetching(store, threads=1) as fetches:
        for extent in (A, B, C):
            fetches.ahead(extent)
        while not store.read:
            time.sleep(0.001)
        threading.Timer(0.05, store.answers.set).start()

        assert fetches.get(C) == bytes(range(20, 30))
        assert store.read[:2] == [A, C]


@pytest.mark.parametrize("ahead", [True, False])
def test_a_request_that_failed_is_made_again_by_who_needs_it_next(store, ahead):
    store.fails = True
    with fetching(store) as fetches:
        if ahead:
            fetches.ahead(A)
            while fetches.containing(*A):
                time.sleep(0.001)
        else:
            with pytest.raises(OSError, match="not now"):
                fetches.get(A)
        store.fails = False

        assert fetches.get(A) == bytes(range(10))
    assert store.read == [A, A]
