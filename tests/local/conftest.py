"""Real servers in a temporary folder, on free ports, shared by the tests that leave them running."""

import os
import subprocess
import sys
import time

import pytest

from rtb_optimizer.local.settings import CHECKOUT, settings_on_free_ports
from rtb_optimizer.local.stack import running_stack, stop


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """PostgreSQL and the S3 store, running."""
    settings = settings_on_free_ports(tmp_path_factory.mktemp("servers"))
    with running_stack(settings, ("postgres", "s3")) as live:
        yield live


@pytest.fixture
def settings(tmp_path):
    """The settings of a stack that was never started, in a folder with a space in its name."""
    return settings_on_free_ports(tmp_path / "a stack")


@pytest.fixture(scope="session")
def used_folder(tmp_path_factory):
    """A folder with a database cluster in it: creating one is the slow part of a start."""
    return tmp_path_factory.mktemp("used") / "a stack"


@pytest.fixture
def stopped(used_folder):
    """The settings of a stack that has run before, does not run now, and does not run afterwards."""
    settings = settings_on_free_ports(used_folder)
    yield settings
    stop(settings)


@pytest.fixture
def command(variables_of):
    """`python -m rtb_optimizer.local ...` on a stack."""

    def run(settings, *arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "rtb_optimizer.local", *arguments],
            env={**os.environ, **variables_of(settings), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def variables_of():
    """The environment variables by which a process of its own finds a stack."""

    def of(settings):
        return {
            "PYTHONPATH": str(CHECKOUT / "include"),
            "RTB_LOCAL_DIR": str(settings.root),
            "RTB_PG_PORT": str(settings.pg_port),
            "RTB_S3_PORT": str(settings.s3_port),
            "RTB_AIRFLOW_PORT": str(settings.airflow_port),
        }

    return of


@pytest.fixture
def until():
    """Wait for something to become true."""

    def wait(condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    return wait
