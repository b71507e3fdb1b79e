"""Is the catalog there, of this checkout's shape, with its seeds, and is the manifest what it says?"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from rtb_optimizer.errors import ConnectionMissing, DagListInvalid
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import Finding, Standing
from rtb_optimizer.store import connections, dag_list_export, migrate
from rtb_optimizer.store import dag_list as manifest_file
from rtb_optimizer.store import seeds as stored_seeds
from rtb_optimizer.store.schema import Entity


def connection() -> Finding:
    """Connect, and ask PostgreSQL for its version."""
    try:
        url = connections.catalog_url()
        with connections.session() as session:
            version = session.scalar(text("SHOW server_version"))
    except ConnectionMissing as problem:
        return Finding("catalog", Standing.FAILED, str(problem), "set AIRFLOW_CONN_RTB_CATALOG=postgresql://...")
    except DBAPIError as problem:
        told = f"{url.render_as_string()}: {' '.join(str(problem.orig).split())}"
        fix = "start PostgreSQL, or correct host, port, user, password and database of connection rtb_catalog"
        return Finding("catalog", Standing.FAILED, told, fix)
    return Finding("catalog", Standing.OK, f"PostgreSQL {version} at {url.host}, database {url.database}")


def clock(now: Callable[[], datetime]) -> Finding:
    """Hold the database's clock against this machine's, read half way between request and answer."""
    with connections.session() as session:
        session.connection()  # so that what is timed is the question alone
        asked_at = now()
        theirs: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return findings.clock("the catalog", theirs - (asked_at + (now() - asked_at) / 2))


def schema() -> Finding:
    """Compare the catalog's revision with the newest."""
    return findings.schema(migrate.current(connections.catalog()), migrate.head(), migrate.known())


def seeds() -> Finding:
    """Look for what the seeds declare."""
    with connections.session() as session:
        return findings.seeds(*stored_seeds.lacking(session))


def base_paths() -> list[str]:
    """Return the base paths of the entities that are not retired."""
    with connections.session() as session:
        paths = select(Entity.s3_base_path).where(Entity.status != "retired").distinct()
        return list(session.scalars(paths.order_by(Entity.s3_base_path)))


def manifest() -> Finding:
    """Hold the manifest that Airflow reads against what the catalog would export now."""
    path = manifest_file.path()
    with connections.session() as session:
        catalog = _by_code(json.loads(json.dumps(dag_list_export.build(session))))
    try:
        written = _by_code(json.loads(path.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError):
        return findings.manifest(_told(path), None, catalog)
    return findings.manifest(str(path), written, catalog)


def _by_code(document: Mapping[str, Any]) -> dict[str, object]:
    """Return a manifest's entries by entity code, each with its form, since that follows the catalog too."""
    forms = document["forms"]
    return {entry["entity_code"]: {**entry, "form": forms[entry["form"]]} for entry in document["entities"]}


def _told(path: Any) -> str:  # noqa: ANN401 - a Path
    """Name the manifest, and say whether Airflow goes by its copy meanwhile."""
    try:
        manifest_file.load(path)
    except DagListInvalid:
        return str(path)
    return f"{path} (Airflow goes by its last good copy)"
