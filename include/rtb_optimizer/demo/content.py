"""The content of the demonstration: three entities, and a week of their logs."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.demo.world import World
from rtb_optimizer.store import configs, entities
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.schema import Entity

DAYS = 7


@dataclass(frozen=True, slots=True)
class DemoEntity:
    """An entity of the demonstration with the world that generates its logs."""

    entity_code: str
    entity_name: str
    object_id: int
    object_type: str
    world: World


ENTITIES = (
    DemoEntity("drugs_com", "Drugs.com", 1334, "ssp", World(1334, 60_000, 0.012, 250)),
    DemoEntity("healthline", "Healthline", 2071, "publisher", World(2071, 40_000, 0.015, 120)),
    DemoEntity("news_network", "News Network", 3310, "ssp", World(3310, 50_000, 0.010, 400)),
)


def bucket() -> str:
    """Return the bucket of the demonstration: RTB_BUCKET, else `rtb`."""
    return os.environ.get("RTB_BUCKET", "rtb")


def configuration(entity: DemoEntity) -> dict[str, str]:
    """Return the configuration of an entity of the demonstration."""
    return {
        "logs_path": f"s3://{bucket()}/logs/{entity.entity_code}/date={{date}}/",
        "lookback_days": str(DAYS),
        "outcome_column": "click",
        "value_column": "revenue",
        "cost_column": "price",
        "timestamp_column": "event_time",
        "row_id_columns": "auction_id",
        "anchor_features": "internal_adspace_id",
        "candidate_features": "internal_adspace_id, site_domain, device_type, browser, ad_size, country, hour, "
        "deal_id, carrier, user_id",
        "column_clocks": '{"hour": "utc"}',
    }


def add_entities(session: Session, updated_by: str) -> list[str]:
    """Add the missing entities, restore the configuration of the others; return all codes."""
    for demo in ENTITIES:
        existing = session.scalars(select(Entity).where(Entity.entity_code == demo.entity_code)).one_or_none()
        if existing is not None:
            configs.set_overrides(session, existing, configuration(demo), updated_by)
            continue
        new = NewEntity(
            entity_code=demo.entity_code,
            entity_name=demo.entity_name,
            object_id=demo.object_id,
            object_type=demo.object_type,
            s3_base_path=f"s3://{bucket()}/optimizer/{demo.entity_code}",
            config=configuration(demo),
        )
        entities.add(session, new, updated_by)
    return [demo.entity_code for demo in ENTITIES]


def write_logs(last_day: date, days: int = DAYS) -> Iterator[tuple[str, date, int]]:
    """Write each entity's logs of the days up to `last_day`, the marker last; yield (entity code, day, rows).

    A day that already exists is skipped: its rows would be the same.
    """
    import pyarrow.parquet as pq

    store = ObjectStore.of(f"s3://{bucket()}/")
    for demo in ENTITIES:
        for day in (last_day - timedelta(days=days - 1 - n) for n in range(days)):
            folder = split_url(configuration(demo)["logs_path"].replace("{date}", str(day)))[1]
            if not any(entry.key.endswith("_SUCCESS") for entry in store.list(folder)):
                body = io.BytesIO()
                pq.write_table(demo.world.day(day), body, compression="zstd")
                store.put_once(f"{folder}part-0.parquet", body.getvalue())
                store.put_once(f"{folder}_SUCCESS", b"\n")
            yield demo.entity_code, day, demo.world.rows_per_day
