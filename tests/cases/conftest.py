"""The edge cases that need whole runs take turns: a commit runs those of every third number, `--long` all of them."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """A case that needs no run is quick, and runs at each commit."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "request_run" in item.fixturenames:
            item.add_marker(pytest.mark.takes_turns)
