"""`make demo`, as a reader of the README runs it, in a folder and on ports of its own.

The folder has a migrated database, and tasks that start sooner: what the demonstration does and shows is the same.
"""

import os
import subprocess

import pytest

from checkout import CHECKOUT
from rtb_optimizer.demo.content import ENTITIES
from rtb_optimizer.local.settings import settings_on_free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]


@pytest.fixture
def make(tmp_path, new_root):
    free = settings_on_free_ports(tmp_path / "unused")
    ports = {"RTB_PG_PORT": free.pg_port, "RTB_S3_PORT": free.s3_port, "RTB_AIRFLOW_PORT": free.airflow_port}
    there = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {name: str(port) for name, port in ports.items()} | {"RTB_LOCAL_DIR": str(new_root(tmp_path / "demo"))}

    def run(target):
        command = ["make", "-o", "setup", target]
        return subprocess.run(command, cwd=CHECKOUT, env=there | own, capture_output=True, text=True, check=False)

    return run


def test_the_demonstration_runs_every_entity_shows_what_came_out_and_leaves_nothing_running(make):
    ran = make("demo")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    for entity in ENTITIES:
        assert f"{entity.entity_code}: success" in ran.stdout
        assert f"{entity.entity_name}  {entity.entity_code}, object {entity.object_id}" in ran.stdout
    assert ran.stdout.count("active run ") == len(ENTITIES)
    assert "make up leaves it running" in ran.stdout
    assert make("status").returncode != 0
