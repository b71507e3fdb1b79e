"""What fault tests stand on: the smallest logs that a run can be made of, so that hundreds of runs take minutes."""

import pytest

from effects import Effects
from nights import run_tasks
from rtb_optimizer.demo.world import World
from rtb_optimizer.store import connections
from seeded_logs import NIGHTS, write_logs

SMALL_WORLD = World(seed=7, rows_per_day=1_500, base_rate=0.3, adspaces=10)


@pytest.fixture
def small_logs(base_path, store):
    """One night of few rows with many outcomes."""
    write_logs(store, f"{base_path}/logs/date={{date}}/", NIGHTS[-1:], SMALL_WORLD)


@pytest.fixture
def add_small(add_entity, small_logs):  # noqa: ARG001 - the entity is over these logs
    """Add an entity that runs over that night in less than a second, and learns nothing from others."""
    small = {"lookback_days": "1", "candidate_features": "internal_adspace_id, device_type", "warm_start": "false"}

    def add(entity_code="drugs_com", **config):
        return add_entity(entity_code, **small | config)

    return add


@pytest.fixture
def client(stack):  # noqa: ARG001 - of this stack
    """A plain S3 client: what a reader has."""
    return connections.s3_client()


@pytest.fixture
def entity(add_small):
    return add_small()


@pytest.fixture
def effects_of_a_run(entity, request_run):
    """The effects of a run that replaces an active one, in order, and that run's id."""
    assert entity
    with Effects().watched() as effects:
        run_tasks(request_run(dag_run_id="first"), effects)
        effects.seen.clear()
        opt_run_id = run_tasks(request_run(dag_run_id="counted"), effects)
    return effects.seen, opt_run_id
