"""What may go, as a table: never the active run, never what a roll back could want, the work of any run first."""

from datetime import UTC, datetime, timedelta

import pytest

from rtb_optimizer.core.decision.activation import valid_until
from rtb_optimizer.core.decision.retention import (
    PastRun,
    Pointers,
    RetentionRules,
    deletable_objects,
    is_orphan_deletable,
)

NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
RULES = RetentionRules(keep_good_runs=2, keep_days=90, keep_work_days=2)


def past(opt_run_id, days, status="succeeded", *, has_outputs=True, last_active=None, began_beside=None, **what_if):
    """A run that ended so many days ago; None: it is running. `what_if` are the fields of a what-if run."""
    ended = None if days is None else NOW - timedelta(days=days)
    return PastRun(opt_run_id, f"run-{opt_run_id}", status, ended, has_outputs, last_active, began_beside, **what_if)


def decided(runs, active=None, before=None, rules=RULES, challenger=None):
    return {
        int(code.removeprefix("run-")): str(goes)
        for code, goes in deletable_objects(runs, Pointers(active, before, challenger), rules, NOW).items()
    }


@pytest.mark.parametrize(
    ("run", "goes"),
    [
        (past(1, None, "running"), "nothing"),
        (past(1, 1.9), "nothing"),
        (past(1, 2), "nothing"),  # older than two days is more than two days
        (past(1, 2.1), "work"),
        (past(1, 90), "work"),
        (past(1, 90.1), "all"),
        (past(1, 1, "failed", has_outputs=False), "nothing"),
        (past(1, 3, "failed", has_outputs=False), "work"),
        (past(1, 91, "failed", has_outputs=False), "all"),
        (past(1, 91, "failed"), "all"),  # it failed after its outputs were recorded
        (past(1, 3, has_outputs=False), "all"),  # a deletion that broke off goes on
    ],
)
def test_a_run_that_nothing_keeps_goes_by_its_age(run, goes):
    others = [past(8, 0, last_active=1), past(9, 0, last_active=2)]  # they take the two places

    assert decided([run, *others])[1] == goes


def test_the_active_run_keeps_its_outputs_however_old_and_not_its_work():
    rules = RetentionRules(keep_good_runs=1, keep_days=1, keep_work_days=1)
    runs = [past(1, 1000, last_active=1), *(past(n, 500 - n) for n in range(2, 9))]

    assert decided(runs, active=1, rules=rules)[1] == "work"


def test_the_last_good_runs_are_kept_beside_the_active_one():
    runs = [past(n, 300 - n, last_active=n) for n in range(1, 6)]

    assert decided(runs, active=5) == {1: "all", 2: "all", 3: "work", 4: "work", 5: "work"}


def test_runs_that_were_held_do_not_crowd_out_those_that_bidders_have_read():
    active_once = [past(1, 300, last_active=1), past(2, 290, last_active=2), past(3, 280, last_active=3)]
    held = [past(n, 200) for n in range(4, 20)]

    decisions = decided([*active_once, *held], active=3)

    assert {run for run, goes in decisions.items() if goes != "all"} == {1, 2, 3}


def test_where_few_were_ever_active_the_newest_others_fill_the_places():
    runs = [past(1, 300, last_active=1), past(2, 290), past(3, 280), past(4, 270, "failed"), past(5, None, "running")]

    assert {run for run, goes in decided(runs).items() if goes != "all"} == {1, 3, 5}


def test_what_was_active_last_counts_as_recent_however_old_its_data():
    """Run 1 was rolled back to last week, and is what one would roll back to again."""
    runs = [past(1, 300, last_active=9), *(past(n, 250 - n, last_active=n) for n in range(2, 6))]

    assert {run for run, goes in decided(runs).items() if goes != "all"} == {1, 5}


def test_the_run_that_a_roll_back_goes_to_is_kept_though_others_were_active_since():
    runs = [past(n, 300 - n, last_active=n) for n in range(1, 7)]

    assert {run for run, goes in decided(runs, active=6, before=1).items() if goes != "all"} == {1, 4, 5, 6}


def test_what_a_running_run_began_beside_is_kept_until_it_ends():
    old = [past(n, 300 - n, last_active=n) for n in range(1, 5)]

    assert decided([*old, past(9, None, "running", began_beside=1)], active=4)[1] == "work"
    assert decided([*old, past(9, 0, "failed", began_beside=1)], active=4)[1] == "all"


def test_what_the_active_run_moved_from_is_kept_since_a_what_if_run_moves_from_it_again():
    old = [past(n, 300 - n, last_active=n) for n in range(1, 5)]

    assert decided([*old, past(5, 1, last_active=5, began_beside=1)], active=5)[1] == "work"


def test_a_what_if_run_is_kept_while_it_is_young_and_takes_no_place_of_another():
    read = [past(1, 300, last_active=1), past(2, 290, last_active=2), past(3, 280, last_active=3)]
    tried = [past(4, 91, is_sandbox=True), past(5, 89, is_sandbox=True)]

    assert decided([*read, *tried], active=3) == {1: "work", 2: "work", 3: "work", 4: "all", 5: "work"}
    assert decided([past(1, 91, is_sandbox=True)]) == {1: "all"}


def test_what_a_running_what_if_run_is_compared_with_is_kept_until_it_ends():
    old = [past(n, 300 - n, last_active=n) for n in range(1, 5)]

    assert decided([*old, past(9, None, "running", is_sandbox=True, compared_with=1)], active=4)[1] == "work"
    assert decided([*old, past(9, 0, is_sandbox=True, compared_with=1)], active=4)[1] == "all"


def test_what_was_emptied_takes_no_place_of_a_run_that_is_whole():
    runs = [past(1, 300, last_active=1), past(2, 290, last_active=2), past(3, 280, has_outputs=False, last_active=3)]

    assert decided(runs) == {1: "work", 2: "work", 3: "all"}


def test_without_runs_nothing_goes():
    assert decided([]) == {}


@pytest.mark.parametrize(("days", "goes"), [(0, False), (90, False), (90.1, True)])
def test_a_folder_that_no_run_has_goes_by_its_newest_object(days, goes):
    assert is_orphan_deletable(NOW - timedelta(days=days), RULES, NOW) is goes


@pytest.mark.parametrize(
    ("moved_hours_after", "valid_hours_after"),
    [(None, 72), (-5, 72), (4, 76), (240, 312)],  # a roll back ten days later is meant to be bid on
)
def test_a_table_is_valid_for_hours_after_its_data_or_after_it_was_made_active(moved_hours_after, valid_hours_after):
    end = datetime(2026, 5, 1, tzinfo=UTC)
    moved = None if moved_hours_after is None else end + timedelta(hours=moved_hours_after)

    assert valid_until(72, end, moved) == end + timedelta(hours=valid_hours_after)


def test_the_live_run_of_a_challenger_and_what_it_moved_from_stay_however_old():
    runs = [past(1, 200), past(2, 200, began_beside=1, is_challenger=True), past(3, 1), past(4, 1)]

    assert decided(runs, active=4, challenger=2)[2] == "work"
    assert decided(runs, active=4, challenger=2)[1] == "work"
    assert decided(runs, active=4)[2] == "all"


def test_runs_of_a_challenger_displace_no_roll_back_target():
    others = [past(n, 91, is_challenger=True) for n in (5, 6, 7)]

    assert decided([past(1, 91), past(2, 91), *others], active=9) == dict.fromkeys((1, 2), "work") | dict.fromkeys(
        (5, 6, 7), "all"
    )
