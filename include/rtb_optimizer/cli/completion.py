"""Completes words with names from the catalog; offers nothing when it does not answer at once."""

import os
from collections.abc import Callable
from contextlib import suppress

import typer
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.store import queries
from rtb_optimizer.store.catalog_connection import CATALOG_CONN_ID
from rtb_optimizer.store.connections import catalog_engine
from rtb_optimizer.store.schema import Entity, EntityConfig, Version, VersionConfig
from rtb_optimizer.store.seeds import dialects

Offer = list[tuple[str, str]]  # each word with its description

# The user waits at the prompt: 2 s is PostgreSQL's minimum, and a look-up of Airflow's own connections takes longer.
_TIMEOUTS = {"connect_timeout": 2, "options": "-c statement_timeout=2000"}
_RUNS = 50


def entity_codes(incomplete: str) -> Offer:
    """Offer the entities' codes with their names."""

    def read(session: Session) -> Offer:
        rows = session.execute(select(Entity.entity_code, Entity.entity_name).order_by(Entity.entity_code))
        return [(code, name) for code, name in rows]

    return _matching(incomplete, _query(read))


def assignments(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer KEY= for the config keys of the entity's version, or of the active versions without an entity."""

    def read(session: Session) -> Offer:
        of_entity = select(Entity.current_version_id).where(Entity.entity_code == _entity(ctx))
        version = session.scalar(of_entity)
        versions = Version.version_id == version if version else Version.status == "active"
        keys = (
            select(VersionConfig.config_key, VersionConfig.display_name)
            .join(Version, Version.version_id == VersionConfig.version_id)
            .where(versions)
            .order_by(VersionConfig.config_id)
        )
        return [(f"{key}=", title) for key, title in session.execute(keys)]

    return _matching(incomplete, _query(read))


def overridden_keys(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the keys that the entity overrides, with their values."""

    def read(session: Session) -> Offer:
        rows = session.execute(
            select(EntityConfig.config_key, EntityConfig.config_value)
            .join(Entity, Entity.entity_id == EntityConfig.entity_id)
            .where(Entity.entity_code == _entity(ctx))
            .order_by(EntityConfig.config_key)
        )
        return [(key, value) for key, value in rows]

    return _matching(incomplete, _query(read))


def macro_formats(incomplete: str) -> Offer:
    """Offer the macro formats with their titles."""
    return _matching(incomplete, [(name, each.title) for name, each in dialects().items()])


def run_ids(incomplete: str) -> Offer:
    """Offer the ids of the newest runs."""

    def read(session: Session) -> Offer:
        rows = queries.run_rows(session, None, _RUNS)
        return [(str(row["run_id"]), f"{row['entity_code']}, {row['status']}") for row in rows]

    return _matching(incomplete, _query(read))


def _entity(ctx: typer.Context) -> str:
    return str(ctx.params.get("entity_code") or "")


def _matching(incomplete: str, offer: Offer) -> Offer:
    return [(word, description) for word, description in offer if word.startswith(incomplete)]


def _query(read: Callable[[Session], Offer]) -> Offer:
    """Query the catalog of the environment; empty without one, on errors and on timeouts."""
    connection = os.environ.get(f"AIRFLOW_CONN_{CATALOG_CONN_ID.upper()}", "")
    if "://" not in connection or connection.lstrip().startswith("{"):
        return []
    with suppress(RtbOptimizerError, SQLAlchemyError):
        engine = catalog_engine(_TIMEOUTS, poolclass=NullPool)
        with Session(engine) as session:
            return read(session)
    return []
