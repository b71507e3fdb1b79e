"""Exhaustive loops take turns: each commit runs a third of their cases, `--long` all of them.

The third follows from the commit's hash, so that a run can be repeated; RTB_TEST_TURN (1 to 3) names another.
"""

import os
import subprocess
from pathlib import Path

import pytest

TURNS = 3
NOT_NOW = "another commit's turn, or make test-long runs it"


def turn(environ=os.environ, folder=Path(__file__).parent):
    """Return the number of this commit's third, from 1, and what decided it."""
    if value := environ.get("RTB_TEST_TURN"):
        if value not in map(str, range(1, TURNS + 1)):
            raise ValueError(f"RTB_TEST_TURN={value} is no number from 1 to {TURNS}")
        return int(value), "by RTB_TEST_TURN"
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    ).stdout.strip()
    return int(done or "0", 16) % TURNS + 1, f"by commit {done[:12]}" if done else "without a commit"


def turn_message(number, why):
    """Describe which third runs, and how to run the others."""
    return f"exhaustive loops: turn {number} of {TURNS} {why} (RTB_TEST_TURN=1..{TURNS} for another, --long for all)"


def due(cases, number):
    """Return the cases of a turn: every third, so that a turn has some of each stretch."""
    return list(cases)[number - 1 :: TURNS]


def position(item):
    """Return the place of a test in its loop, None where it has none.

    Its place is the one that its mark names, else its first edge case, else the place of its parameters: it stays the
    same whichever other tests are selected with it.
    """
    named = [place for marker in item.iter_markers("takes_turns") for place in marker.args]
    numbers = [marker.args[0] - 1 for marker in item.iter_markers("case")]
    indices = getattr(getattr(item, "callspec", None), "indices", {}).values()
    return min(named or numbers or [max(indices, default=None)], default=None)


def leave_out_other_turns(items, number, *, everything):
    """Skip those tests marked `takes_turns` whose turn it is not, unless everything is wanted; mark all as `long`."""
    for item in items:
        place = position(item) if item.get_closest_marker("takes_turns") else None
        if place is not None:
            item.add_marker(pytest.mark.long)
            if place % TURNS != number - 1 and not everything:
                item.add_marker(pytest.mark.skip(reason=NOT_NOW))
