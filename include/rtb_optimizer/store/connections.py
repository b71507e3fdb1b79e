"""Where the catalog and the objects are.

Airflow connections: `rtb_catalog` (PostgreSQL), `rtb_s3` (aws, `endpoint_url` honoured), and those of deliveries.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.orm import Session

from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store import redirected
from rtb_optimizer.store.airflow_connections import airflow_connection
from rtb_optimizer.store.catalog_connection import catalog_connection

S3_CONN_ID = "rtb_s3"
# What the connection's extra may set otherwise: a server that does not answer, or is gone, is given up in a minute.
CATALOG_LIMITS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # ms
    "fallback_application_name": f"rtb_optimizer on {socket.gethostname()}",  # seen by whoever waits for a lock
}
S3_TRIES = 5
S3_OPERATIONS = ("GetObject", "HeadObject", "PutObject", "ListObjectsV2", "DeleteObject", "DeleteObjects")
S3_CONNECTIONS = 32
"""Connections that are kept for the next request: log files are read by many threads at once."""
_PLAIN_FIELDS, _PLAIN_EXTRA = {"conn_type", "login", "password", "extra"}, {"endpoint_url", "region_name"}
_NONE: Mapping[str, Any] = MappingProxyType({})


@cache
def catalog() -> Engine:
    """Return this process's engine for the catalog.

    Raises:
        ConnectionMissing: when there is no connection, it is no PostgreSQL, or it gives no IAM token.
    """
    return catalog_engine(pool_pre_ping=True, pool_size=2)


def catalog_engine(connect_args: Mapping[str, Any] = _NONE, **settings: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy's
    """Return a new engine for the catalog, with SQLAlchemy's `settings`.

    `connect_args` win over the connection's extra, and that over CATALOG_LIMITS. Where the extra has `iam`, each new
    physical connection signs in with a token fetched for it: a token expires after 15 minutes.

    Raises:
        ConnectionMissing: as `catalog` does.
    """
    found = catalog_connection()
    limits = {name: limit for name, limit in CATALOG_LIMITS.items() if name not in found.url.query}
    engine = create_engine(found.url, connect_args={**limits, **found.options, **connect_args}, **settings)
    sign_in = found.sign_in
    if sign_in is not None:

        @event.listens_for(engine, "do_connect")
        def with_token(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
            parameters["user"], parameters["password"], parameters["port"] = sign_in()

    return engine


@contextmanager
def session() -> Iterator[Session]:
    """Open a session on the catalog; leaving it without `commit()` rolls back."""
    with Session(redirected.catalog_or(catalog), expire_on_commit=False) as opened:
        yield opened


def catalog_url() -> URL:
    """Return the catalog's URL, the one that PostgresHook makes of the connection, with the psycopg driver.

    It has the password, or an IAM token, and of the connection's extra `sqlalchemy_query` alone.

    Raises:
        ConnectionMissing: as `catalog` does.
    """
    return catalog_connection().url


@cache
def s3_client(conn_id: str = S3_CONN_ID) -> Any:  # noqa: ANN401 - boto3 clients have no static type
    """Return a boto3 S3 client of a connection: of `rtb_s3`, by which objects and logs are read alike, or of another.

    Its tries are bounded, or those of `config_kwargs` in the connection's extra. `service_config.s3.extra_args` are
    added to every request that takes them, as RequestPayer or SSEKMSKeyId.

    Raises:
        ConnectionMissing: when there is no connection, or its `extra_args` are of no request.
    """
    # Importing Airflow takes seconds, and a command has not done so: what the hook would make needs none.
    if "airflow" not in sys.modules and (plain := _plain_s3(conn_id)) is not None:
        return plain
    hook = _s3_hook(conn_id)
    client = hook.get_conn()
    _add_arguments(client, hook.service_config.get("extra_args", {}), conn_id)
    return client


def client_in_use() -> Any:  # noqa: ANN401 - boto3 clients have no static type
    """Return the S3 client that objects and logs are read by: the connection's, but for a run that is rebuilt."""
    return redirected.s3_or(s3_client)


def forget() -> None:
    """Connect again from here on: a process that was forked must not use the connections of its parent."""
    for cached in (catalog, s3_client, _s3_hook):
        cached.cache_clear()


def _add_arguments(client: Any, arguments: Mapping[str, Any], conn_id: str) -> None:  # noqa: ANN401 - boto3's client
    model = client.meta.service_model
    taken = {name for operation in S3_OPERATIONS for name in model.operation_model(operation).input_shape.members}
    if unknown := sorted(arguments.keys() - taken):
        raise ConnectionMissing(
            f"connection {conn_id!r} cannot be used: no S3 request takes {', '.join(unknown)}; correct extra_args "
            "of service_config.s3 in its extra: RequestPayer, ServerSideEncryption, SSEKMSKeyId and the like"
        )

    def added(params: Mapping[str, Any], model: Any, **_: object) -> Mapping[str, Any]:  # noqa: ANN401 - botocore's
        return {name: arguments[name] for name in arguments if name in model.input_shape.members} | dict(params)

    if arguments:
        client.meta.events.register("provide-client-params.s3", added)


def s3_tries(client: Any) -> int:  # noqa: ANN401 - boto3 clients have no static type
    """Return how often a client tries a request; botocore counts with the first try, or without it."""
    retries: Mapping[str, Any] = client.meta.config.retries
    return int(retries.get("total_max_attempts", retries.get("max_attempts", S3_TRIES - 1) + 1))


def s3_options() -> dict[str, str]:
    """Return the settings of the client as options of Rust's object_store, by which deltalake reads a table's log.

    It has no option for a file of certificates: `SSL_CERT_FILE` names one.
    """
    hook, client = _s3_hook(), s3_client()
    config, keys = client.meta.config, hook.get_credentials(region_name=hook.region_name)
    extra, proxies = hook.service_config.get("extra_args", {}), config.proxies or {}
    endpoint = client.meta.endpoint_url
    options = {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.token,
        "aws_region": client.meta.region_name,
        "aws_endpoint": endpoint,
        "allow_http": "true" if endpoint.startswith("http://") else "",
        "allow_invalid_certificates": "true" if hook.verify is False else "",
        "proxy_url": proxies.get("https") or proxies.get("http"),
        "aws_request_payer": "true" if extra.get("RequestPayer") else "",
        "connect_timeout": f"{int(config.connect_timeout)}s",
        "timeout": f"{int(config.read_timeout)}s",
        "max_retries": str(s3_tries(client) - 1),
    }
    return {name: value for name, value in options.items() if value}


def _bounded() -> Any:  # noqa: ANN401 - imported late
    from botocore.config import Config

    return Config(
        retries={"mode": "standard", "total_max_attempts": S3_TRIES},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=S3_CONNECTIONS,
    )


def _plain_s3(conn_id: str) -> Any:  # noqa: ANN401 - boto3 clients have no static type
    """Return the client of a connection that is two keys, an endpoint and a region; None where the hook alone knows."""
    try:
        form = json.loads(os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", ""))
    except ValueError:
        return None
    if not isinstance(form, dict) or form.keys() != _PLAIN_FIELDS or not isinstance(form["extra"], dict):
        return None
    texts = (form["login"], form["password"], *form["extra"].values())
    if form["extra"].keys() != _PLAIN_EXTRA or form["conn_type"] != "aws" or not all(map(_is_text, texts)):
        return None
    from boto3.session import Session as AwsSession

    session = AwsSession(form["login"], form["password"], region_name=form["extra"]["region_name"])
    return session.client("s3", endpoint_url=form["extra"]["endpoint_url"], config=_bounded())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


@cache
def _s3_hook(conn_id: str = S3_CONN_ID) -> Any:  # noqa: ANN401 - imported late
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    airflow_connection(conn_id)  # the hook would fall back to whatever credentials the machine has
    asked = S3Hook(aws_conn_id=conn_id).config  # the connection's `config_kwargs`, which a config given hides
    hook: Any = S3Hook(aws_conn_id=conn_id, config=_bounded().merge(asked))
    hook.get_session = cache(hook.get_session)  # making one takes as long as ten requests; it renews its credentials
    return hook
