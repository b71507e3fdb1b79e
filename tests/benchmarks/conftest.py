"""The benchmark's scripts import each other by their bare names, as scripts do; so do these tests."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """Import a script of the benchmark, for one module of tests alone."""
    names = {path.stem for path in FOLDER.glob("*.py")}
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module
    for name in (set(sys.modules) - before) & names:
        del sys.modules[name]
