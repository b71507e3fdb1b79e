"""What a commit leaves out of the exhaustive loops the commits around it run: nothing is left out by all."""

import subprocess

import pytest

from turns import TURNS, due, turn, turn_message

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
