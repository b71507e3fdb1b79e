"""A scheduler that forks its tasks imports for them; no other process does."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from checkout import CHECKOUT
from rtb_optimizer.dag import preload

FORKED = """
import os, sys
from rtb_optimizer.dag import preload

sys.argv = {argv!r}
preload.USED_BY_TASKS = ("no_such_module", "modulefinder")
preload.import_before_tasks()
preload.import_before_tasks()
assert "modulefinder" not in sys.modules
from rtb_optimizer.outputs.documents.logs import LogsDocument
assert not LogsDocument.__pydantic_complete__
if os.fork() == 0:
    print(*{{"modulefinder"}} & sys.modules.keys(), *["validators"] * LogsDocument.__pydantic_complete__)
    os._exit(sys.stdout.flush() or 0)
os.wait()
"""


@pytest.mark.parametrize(
    ("argv", "executor", "imported"),
    [
        (["airflow", "scheduler", "--skip-serve-logs"], "LocalExecutor", ["modulefinder", "validators"]),
        (["airflow", "scheduler"], "CeleryExecutor", []),
        (["airflow", "dag-processor"], "LocalExecutor", []),
    ],
    ids=["a scheduler that forks tasks", "one that sends them to workers", "another component"],
)
def test_what_tasks_need_is_imported_once_by_what_forks_them(argv, executor, imported):
    told = subprocess.run(
        [sys.executable, "-c", FORKED.format(argv=argv)],
        env=os.environ | {"PYTHONPATH": f"{CHECKOUT}/include", "AIRFLOW__CORE__EXECUTOR": executor},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == imported


def test_every_module_that_is_imported_for_tasks_is_there():
    assert preload.USED_BY_TASKS
    assert [name for name in preload.USED_BY_TASKS if find_spec(name) is None] == []
