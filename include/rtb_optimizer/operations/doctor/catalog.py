"""Checks the catalog: its connection, clock, schema and seeds, and the DAG list exported from it."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.errors import ConnectionMissing, DagListInvalid
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding
from rtb_optimizer.store import connections, dag_list_export, migrate
from rtb_optimizer.store import dag_list as dag_list_file
from rtb_optimizer.store import seeds as stored_seeds
from rtb_optimizer.store.dag_list import DagList
from rtb_optimizer.store.schema import Entity, EntityConfig


def connection() -> Finding:
    """Connect and read PostgreSQL's version."""
    try:
        url = connections.catalog_url()
        with connections.session() as session:
            version = session.scalar(text("SHOW server_version"))
    except ConnectionMissing as problem:
        return Finding("catalog", CheckStatus.FAILED, str(problem), "set AIRFLOW_CONN_RTB_CATALOG=postgresql://...")
    except DBAPIError as problem:
        summary = f"{url.render_as_string()}: {' '.join(str(problem.orig).split())}"
        fix = "start PostgreSQL, or correct host, port, user, password and database of connection rtb_catalog"
        return Finding("catalog", CheckStatus.FAILED, summary, fix)
    return Finding("catalog", CheckStatus.OK, f"PostgreSQL {version} at {url.host}, database {url.database}")


def clock(now: Callable[[], datetime]) -> Finding:
    """Compare the database's clock with this machine's, taken half way between request and response."""
    with connections.session() as session:
        session.connection()  # so that only the query is timed
        start = now()
        database_time: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return findings.clock("the catalog", database_time - (start + (now() - start) / 2))


def schema() -> Finding:
    """Compare the catalog's revision with the newest."""
    return findings.schema(migrate.current(connections.catalog()), migrate.head(), migrate.revisions())


def seeds() -> Finding:
    """Compare the catalog with the seeds."""
    with connections.session() as session:
        return findings.seeds(*stored_seeds.differences(session))


def base_paths() -> list[str]:
    """Return the base paths of the entities that are not retired."""
    with connections.session() as session:
        paths = select(Entity.s3_base_path).where(Entity.status != "retired").distinct()
        return list(session.scalars(paths.order_by(Entity.s3_base_path)))


def logs_paths() -> dict[str, str]:
    """Return the paths of rows, wins and outcomes of the entities that are not retired, each with its config key."""
    with connections.session() as session:
        return _by_path(session, _log_paths())


def spark_logs_paths() -> dict[str, str]:
    """Return those of the entities that a cluster counts."""
    on_spark = select(EntityConfig.entity_id).where(
        EntityConfig.config_key == "engine", EntityConfig.config_value == "spark"
    )
    with connections.session() as session:
        return _by_path(session, _log_paths().where(EntityConfig.entity_id.in_(on_spark)))


def _log_paths() -> Select[str, str]:
    paths = select(EntityConfig.config_value, EntityConfig.config_key)
    of_entities = paths.join(Entity, Entity.entity_id == EntityConfig.entity_id).distinct()
    keys = ("logs_path", *(role.path_key for role in ROLES))
    return of_entities.where(
        EntityConfig.config_key.in_(keys), EntityConfig.config_value != "", Entity.status != "retired"
    )


def _by_path(session: Session, paths: Select[str, str]) -> dict[str, str]:
    return dict(sorted((path, key) for path, key in session.execute(paths)))


def dag_list() -> Finding:
    """Compare the DAG list that Airflow reads with what the catalog would export now."""
    path = dag_list_file.path()
    with connections.session() as session:
        catalog = _by_code(json.loads(json.dumps(dag_list_export.build(session))))
    try:
        exported = _by_code(json.loads(path.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError):
        return findings.dag_list(_described(path), None, catalog)
    return findings.dag_list(str(path), exported, catalog)


def _by_code(document: DagList) -> dict[str, object]:
    """Return the entries of a DAG list by entity code, each with its form, which depends on the catalog too."""
    forms = document["forms"]
    return {entry["entity_code"]: {**entry, "form": forms[entry["form"]]} for entry in document["entities"]}


def _described(path: Path) -> str:
    """Return the path of the DAG list, with a note when Airflow uses its copy instead."""
    try:
        dag_list_file.load(path)
    except DagListInvalid:
        return str(path)
    return f"{path} (Airflow uses the last good copy)"
