"""Nights on end of five entities, with a fault at one effect in twenty: nothing is lost, left over, or grows.

Seeded: the seed is printed, and RTB_SOAK_SEED makes the same faults happen again.
"""

import gc
import os
import random
from collections import Counter

import psutil
import psycopg
import pytest

from effects import Effects, Lost
from nights import TaskFailed, run_tasks
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import active_key
from whole_run import assert_nothing_is_lost_or_recorded_twice, read_active, read_copy

ENTITIES = tuple(f"entity_{n}" for n in range(5))
NIGHTS, LONG_NIGHTS = 20, 200
RATE = 0.05
WARM = 40  # nights until caches and pools have their size
GROWTH_MB = 60


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nights_with_faults_lose_nothing_and_leave_nothing_behind(
    add_small, catalog, client, store, base_path, request_run, long
):
    seed = int(os.environ.get("RTB_SOAK_SEED") or random.randrange(1 << 32))  # noqa: S311 - not a secret
    print(f"\nRTB_SOAK_SEED={seed}")  # noqa: T201 - to be repeated
    rng = random.Random(seed)  # noqa: S311 - as above
    faults, ends, activated = Counter(), Counter(), dict.fromkeys(ENTITIES)

    def happens(effect, when):
        if rng.random() < RATE / 2:  # before it or after it
            faults[when] += 1
            raise Lost(f"{when} {effect}")

    for code in ENTITIES:
        add_small(code)
    sizes = []
    with Effects(happens).watched() as effects:
        for night in range(LONG_NIGHTS if long else NIGHTS):
            code = rng.choice(ENTITIES)
            request = request_run(code, f"night {night}", rng.randrange(2))
            try:
                run_tasks(request, effects, tries=rng.choice((1, 3)), reported=rng.random() < 0.5)
                ends["succeeded"] += 1
            except TaskFailed as failed:
                ends[f"failed in {failed.task}"] += 1
            seen = read_active(catalog, client, code)
            assert activated[code] is None or seen >= activated[code], "an older run took over"
            activated[code] = seen
            gc.collect()
            sizes.append(psutil.Process().memory_info().rss >> 20)
    swept = maintenance.sweep_runs(lambda *_: "failed")
    repaired = maintenance.reconcile_active_copies()

    assert sum(faults.values()), "no fault came; another seed will do"
    assert_nothing_is_lost_or_recorded_twice(catalog, store)
    for code, opt_run_id in activated.items():
        assert opt_run_id is None or read_copy(client, "rtb", active_key(f"{base_path}/{code}")) == opt_run_id
    connected = connections_of_the_product(catalog)
    assert connected <= connections.catalog().pool.size()
    assert connections.catalog().pool.checkedout() == 0
    if len(sizes) > WARM:
        assert max(sizes[-WARM:]) - max(sizes[:WARM]) < GROWTH_MB
    print(f"{dict(faults)}; {dict(ends)}; swept {swept}, copies repaired {repaired}")  # noqa: T201 - figures
    print(f"memory {sizes[0]} MB, {max(sizes[:WARM])} MB, {sizes[-1]} MB; {connected} connections")  # noqa: T201

    for code in ENTITIES:
        opt_run_id = run_tasks(request_run(code, "after all"))
        assert read_active(catalog, client, code) == opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def connections_of_the_product(url):
    with psycopg.connect(url) as looking_on:
        ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return looking_on.execute(ours).fetchone()[0]
