"""The logs that tests run on: four small nights of the demonstration's world, with enough outcomes to learn from."""

import io
from collections.abc import Sequence
from datetime import date
from functools import cache

import pyarrow.parquet as pq

from rtb_optimizer.demo.world import World
from rtb_optimizer.store.objects import ObjectStore, split_url

NIGHTS = tuple(date(2026, 3, day) for day in (6, 7, 8, 9))
WORLD = World(seed=7, rows_per_day=5_000, base_rate=0.1, adspaces=30)
BUSY_WORLD = World(seed=7, rows_per_day=20_000, base_rate=0.1, adspaces=30)  # one night is enough to learn from


@cache
def night(day: date, world: World = WORLD) -> bytes:
    """Return one night's log as Parquet."""
    body = io.BytesIO()
    pq.write_table(world.day(day), body)
    return body.getvalue()


def write_logs(store: ObjectStore, logs_path: str, nights: Sequence[date], world: World = WORLD) -> None:
    """Write nights of logs below `logs_path`, each with its marker last."""
    for day in nights:
        folder = split_url(logs_path.replace("{date}", str(day)))[1]
        store.put_once(f"{folder}part-0.parquet", night(day, world))
        store.put_once(f"{folder}_SUCCESS", b"\n")
