"""Where the catalog and the objects are: the only module that knows credentials.

Both are Airflow connections: `rtb_catalog` (PostgreSQL) and `rtb_s3` (aws, `endpoint_url` honoured).
"""

import os
from collections.abc import Iterator, Mapping
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
# What the catalog's URL may set otherwise: a server that does not answer, or is gone, is given up within a minute.
CATALOG_LIMITS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # ms
}
S3_TRIES = 5


@cache
def catalog() -> Engine:
    """Return this process's engine for the catalog.

    Raises:
        ConnectionMissing: when there is no connection, or it is no PostgreSQL.
    """
    url = catalog_url()
    return create_engine(url.set(query={**CATALOG_LIMITS, **url.query}), pool_pre_ping=True, pool_size=2)


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
        text = airflow_connection(CATALOG_CONN_ID).get_uri()
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
    """Return a boto3 S3 client of the connection, with bounded tries, or those of its `config_kwargs`."""
    return _s3_hook().get_conn()


def s3_filesystem() -> "S3FileSystem":
    """Return the connection as a pyarrow file system, which reads Parquet by range requests."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    hook = _s3_hook()
    keys, limits = hook.get_credentials(region_name=hook.region_name), hook.config
    endpoint = hook.conn_config.endpoint_url or ""
    scheme, _, host = endpoint.rpartition("://")
    return S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=hook.region_name,
        endpoint_override=host or None,
        scheme=scheme or "https",
        connect_timeout=limits.connect_timeout,
        request_timeout=limits.read_timeout,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_tries(limits.retries)),
    )


@cache
def _s3_hook() -> Any:  # noqa: ANN401 - imported late
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    airflow_connection(S3_CONN_ID)  # the hook would fall back to whatever credentials the machine has
    asked = S3Hook(aws_conn_id=S3_CONN_ID).config  # the connection's `config_kwargs`, which a config given hides
    bounded = Config(retries={"mode": "standard", "total_max_attempts": S3_TRIES}, connect_timeout=10, read_timeout=60)
    return S3Hook(aws_conn_id=S3_CONN_ID, config=bounded.merge(asked))


def _tries(retries: Mapping[str, Any]) -> int:
    """Return how often a request is tried; botocore counts with the first try, or without it."""
    return int(retries.get("total_max_attempts", retries.get("max_attempts", S3_TRIES - 1) + 1))


def airflow_connection(conn_id: str) -> Any:  # noqa: ANN401 - Airflow's class differs between its processes
    """Return an Airflow connection.

    Raises:
        ConnectionMissing: when there is none, saying how to add it.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(conn_id)
    except AirflowNotFoundException:
        raise ConnectionMissing(
            f"no Airflow connection {conn_id!r}: set AIRFLOW_CONN_{conn_id.upper()} or add it to Airflow"
        ) from None
