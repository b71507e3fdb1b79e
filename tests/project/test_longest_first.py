"""The longest files are begun first, and the order names files that there are."""

from itertools import pairwise
from pathlib import Path

import pytest

from longest_first import LONGEST, rank

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", LONGEST)
def test_each_of_the_longest_files_is_there(name):
    assert (TESTS / name).is_file()


def test_the_longest_come_in_their_order_and_before_all_others():
    ranks = [rank(TESTS / name) for name in (*LONGEST, "core/table/test_rows.py")]
    assert all(earlier < later for earlier, later in pairwise(ranks))
    assert rank(TESTS / "core/test_of_tomorrow.py") == rank(TESTS / "core/table/test_rows.py")


def test_workers_are_handed_the_tests_in_that_order(request):
    ranks = [rank(item.path) for item in request.session.items if item.get_closest_marker("airflow") is None]
    assert ranks == sorted(ranks)
