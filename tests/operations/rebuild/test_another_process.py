"""A run made in one process is made again in another, to the byte, charts and all."""

import json
import os
import subprocess
import sys

import pytest

from checkout import CHECKOUT
from rtb_optimizer.steps import in_process


@pytest.fixture
def charts_drawn_once():
    """Not here: the other process draws its own."""


@pytest.mark.usefixtures("logs")
def test_another_process_with_other_threads_makes_the_same_bytes(add_entity, request_run, tmp_path):
    add_entity(engine_threads="1")
    run = in_process.run(request_run()).opt_run_id
    surroundings = {**os.environ, "PYTHONPATH": "include", "AIRFLOW_HOME": str(tmp_path / "airflow")}
    command = [sys.executable, "-m", "rtb_optimizer", "rebuild", str(run), "--threads", "3", "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False)
    rebuilt = json.loads(done.stdout)

    assert (done.returncode, rebuilt["identical"]) == (0, True)
    assert [(each["name"], each["what"]) for each in rebuilt["findings"]] == [("threads", "was 1, is 3")]
