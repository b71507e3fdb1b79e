"""Where the catalog and the objects are: the only module that knows credentials.

Both are Airflow connections: `rtb_catalog` (PostgreSQL) and `rtb_s3` (aws, `endpoint_url` honoured).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from rtb_optimizer.errors import ConnectionMissing

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

CATALOG_CONN_ID = "rtb_catalog"
S3_CONN_ID = "rtb_s3"
CONNECT_TIMEOUT_S = 10


@cache
def catalog() -> Engine:
    """Return this process's engine for the catalog.

    Raises:
        ConnectionMissing: when there is no connection, or it is no PostgreSQL.
    """
    url = catalog_url()
    return create_engine(url, pool_pre_ping=True, pool_size=2, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})


@contextmanager
def session() -> Iterator[Session]:
    """Open a session on the catalog; leaving it without `commit()` rolls back."""
    with Session(catalog(), expire_on_commit=False) as opened:
        yield opened


def catalog_url() -> URL:
    """Return the catalog's URL with the psycopg driver."""
    # Importing Airflow takes seconds; a plain URL in the environment, Airflow's first place to look, needs none.
    text = os.environ.get(f"AIRFLOW_CONN_{CATALOG_CONN_ID.upper()}", "")
    if "://" not in text or text.lstrip().startswith("{"):  # JSON may hold a URL, or a password that looks like one
        text = _airflow_connection(CATALOG_CONN_ID).get_uri()
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # without the text, which has the password
        raise ConnectionMissing(f"connection {CATALOG_CONN_ID!r} is no PostgreSQL URL") from None
    if "@" in f"{url.host}{url.database}":  # a part of the password that would be shown as a part of the host
        raise ConnectionMissing(f"connection {CATALOG_CONN_ID!r} is no PostgreSQL URL: write @ in a password as %40")
    if url.get_backend_name() not in ("postgres", "postgresql"):
        raise ConnectionMissing(f"connection {CATALOG_CONN_ID!r} is {url.get_backend_name()}: PostgreSQL is needed")
    query = {key: value for key, value in url.query.items() if not key.startswith("__")}
    return url.set(drivername="postgresql+psycopg", query=query)


@cache
def s3_client() -> Any:  # noqa: ANN401 - boto3 clients have no static type
    """Return a boto3 S3 client of the connection, with bounded retries."""
    return _s3_hook().get_conn()


def s3_filesystem() -> "S3FileSystem":
    """Return the connection as a pyarrow file system, which reads Parquet by range requests."""
    from pyarrow.fs import S3FileSystem

    hook = _s3_hook()
    keys = hook.get_credentials(region_name=hook.region_name)
    endpoint = hook.conn_config.endpoint_url or ""
    scheme, _, host = endpoint.rpartition("://")
    return S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=hook.region_name,
        endpoint_override=host or None,
        scheme=scheme or "https",
    )


@cache
def _s3_hook() -> Any:  # noqa: ANN401 - imported late
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    _airflow_connection(S3_CONN_ID)  # the hook would fall back to whatever credentials the machine has
    retries = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
    return S3Hook(aws_conn_id=S3_CONN_ID, config=retries)


def _airflow_connection(conn_id: str) -> Any:  # noqa: ANN401 - Airflow's class differs between its processes
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(conn_id)
    except AirflowNotFoundException:
        raise ConnectionMissing(
            f"no Airflow connection {conn_id!r}: set AIRFLOW_CONN_{conn_id.upper()} or add it to Airflow"
        ) from None
