"""What a commit leaves out of the exhaustive loops the commits around it run: nothing is left out by all."""

import subprocess
from types import SimpleNamespace

import pytest

from turns import TURNS, due, leave_out_other_turns, position, turn, turn_message

CASES = [f"effect {n}" for n in range(23)]


def test_the_turns_together_run_each_case_once_in_its_order():
    turns = [due(CASES, number) for number in range(1, TURNS + 1)]
    assert sorted(case for each in turns for case in each) == sorted(CASES)
    assert all(each == sorted(each, key=CASES.index) for each in turns)


def test_no_turn_is_more_than_one_case_longer_than_another():
    lengths = [len(due(CASES, number)) for number in range(1, TURNS + 1)]
    assert max(lengths) - min(lengths) <= 1


def test_a_commit_has_one_turn_and_the_variable_names_another(tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    commit = git("rev-parse", "HEAD")

    assert turn({}, tmp_path) == (int(commit, 16) % TURNS + 1, f"by commit {commit[:12]}")
    assert [turn({"RTB_TEST_TURN": str(n)}, tmp_path) for n in (1, 2, 3)] == [
        (n, "by RTB_TEST_TURN") for n in (1, 2, 3)
    ]


def test_sources_without_a_commit_have_the_first_turn(tmp_path):
    assert turn({}, tmp_path) == (1, "without a commit")


@pytest.mark.parametrize("value", ["0", "4", "-1", "two"])
def test_a_turn_that_there_is_not_is_refused(value):
    with pytest.raises(ValueError, match=f"RTB_TEST_TURN={value} is no number from 1 to 3"):
        turn({"RTB_TEST_TURN": value})


def test_the_turn_is_reported_with_what_decided_it_and_how_to_have_another():
    message = turn_message(2, "by commit 0123456789ab")
    assert message.startswith("exhaustive loops: turn 2 of 3 by commit 0123456789ab")
    assert "RTB_TEST_TURN" in message


def test_the_session_runs_the_cases_of_its_turn_and_all_with_long(taking_turns, long):
    assert taking_turns(CASES) == (CASES if long else due(CASES, turn()[0]))


class Item:
    """What a turn looks at of a collected test."""

    def __init__(self, *markers, **places):
        self.markers, self.callspec = list(markers), SimpleNamespace(indices=places)

    def iter_markers(self, name):
        return (marker for marker in self.markers if marker.name == name)

    def get_closest_marker(self, name):
        return next(self.iter_markers(name), None)

    def add_marker(self, marker):
        self.markers.append(marker.mark)

    def has(self, name):
        return self.get_closest_marker(name) is not None


TAKES_TURNS = pytest.mark.takes_turns.mark


def items_of_a_loop():
    return [Item(TAKES_TURNS, page=place) for place in range(11)]


def test_each_case_of_a_marked_loop_runs_in_one_turn_and_is_skipped_in_the_others():
    turns = [items_of_a_loop() for _ in range(TURNS)]
    for number, items in enumerate(turns, start=1):
        leave_out_other_turns(items, number, everything=False)
    run = [[not item.has("skip") for item in items] for items in turns]
    assert [sum(runs) for runs in zip(*run, strict=True)] == [1] * 11


def test_all_cases_of_a_marked_loop_run_with_long_which_finds_them_by_their_mark():
    items = items_of_a_loop()
    leave_out_other_turns(items, 2, everything=True)
    assert [item.has("skip") for item in items] == [False] * 11
    assert all(item.has("long") for item in items)


def test_an_edge_case_has_the_turn_of_its_first_number_whatever_its_parameters():
    case = pytest.mark.case
    assert position(Item(case(52).mark, case(4).mark, when=7)) == 3
    assert position(Item(when=7)) == 7


def test_a_test_without_parameters_has_the_place_that_its_mark_names():
    assert position(Item(pytest.mark.takes_turns(2).mark)) == 2
    assert position(Item(pytest.mark.takes_turns(0).mark, pytest.mark.case(9).mark, when=7)) == 0


def test_what_is_not_marked_or_has_no_place_in_a_loop_runs_in_each_turn():
    items = [Item(page=1), Item(pytest.mark.case(3).mark), Item(TAKES_TURNS)]
    for number in range(1, TURNS + 1):
        leave_out_other_turns(items, number, everything=False)
    assert not any(item.has("skip") or item.has("long") for item in items)
