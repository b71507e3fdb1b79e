"""A whole stack for tests that need the real scheduler: its catalog, its logs, and its API."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from rtb_optimizer.local.airflow_api import AirflowApi
from rtb_optimizer.local.environment import environment, process_environment
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.store import connections, migrate
from rtb_optimizer.store.objects import ObjectStore
from seeded_logs import BUSY_WORLD, write_logs

ENTITY = "drugs_com"
NAMES = {ENTITY: "Drugs.com", "healthline": "Healthline"}
DAG = f"rtb_optimizer__{ENTITY}"
CONFIG = {
    "outcome_column": "click",
    "cost_column": "price",
    "timestamp_column": "event_time",
    "anchor_features": "internal_adspace_id",
    "candidate_features": "internal_adspace_id,device_type,ad_size",
    # The nights are those before today, so each day has other rows: a gate's result on them does not matter here.
    "min_holdout_gain": "-1",
}


@contextmanager
def live_stack(folder, logs_path, nights):
    """Run a whole stack with a migrated and seeded catalog and nights of logs; no entity yet."""
    with running_stack(settings_on_free_ports(folder)) as live, seeded_catalog(live, logs_path, nights):
        yield live


@contextmanager
def seeded_catalog(live, logs_path, nights):
    """Migrate and seed the catalog of a running stack, write nights of logs, and let this process work on them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(live).items():
            patch.setenv(name, value)
        forget_connections()
        migrate.upgrade(connections.catalog())
        command(live, "seed")
        write_logs(ObjectStore.of(logs_path), logs_path, nights, BUSY_WORLD)
        yield
        forget_connections()


def airflow_with_entity(live, base_path, entity=ENTITY, **config):
    """Add the entity by the command line and return Airflow's API once it has the DAG."""
    settings = [argument for item in (CONFIG | config).items() for argument in ("--set", "=".join(item))]
    base = ["--name", NAMES[entity], "--object-id", "1334", "--s3-base-path", base_path]
    command(live, "entities", "add", entity, *base, *settings)
    api = AirflowApi.sign_in(live)
    api.wait_for_dags([f"rtb_optimizer__{entity}"])
    return api


def forget_connections():
    for cached in (connections.catalog, connections.s3_client, connections._s3_hook):
        cached.cache_clear()


def command(live, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "rtb_optimizer", *arguments],
        env=process_environment(live, os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition, what, seconds=60):
    """Return what the condition comes to, once it is something."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.2)
    return value
