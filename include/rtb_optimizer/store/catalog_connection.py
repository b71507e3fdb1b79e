"""Reads the connection of the catalog, without Airflow where its URL says all: importing Airflow takes seconds."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store.airflow_connections import airflow_connection

CATALOG_CONN_ID = "rtb_catalog"
_DRIVER = "postgresql+psycopg"
_URL_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True)
class CatalogConnection:
    """The catalog's connection: `options` are libpq's, `sign_in` returns user, password and port of a new token."""

    url: URL
    options: Mapping[str, Any] = field(repr=False)
    sign_in: Callable[[], tuple[str, str, int]] | None = None


def catalog_connection() -> CatalogConnection:
    """Return the connection of the catalog, as PostgresHook makes it.

    Raises:
        ConnectionMissing: when there is no connection, it is no PostgreSQL, or it gives no IAM token.
    """
    text = os.environ.get(f"AIRFLOW_CONN_{CATALOG_CONN_ID.upper()}", "").strip()
    if "://" in text and not text.startswith("{"):  # JSON may hold a URL, or a password that looks like one
        parts = _split(text)  # before Airflow: it would log what it cannot read, password included
        _require_postgres(parts.scheme)
        # Importing Airflow takes seconds, and a command has not done so: what the hook would say needs none.
        if "airflow" not in sys.modules and (plain := _plain(parts)) is not None:
            return plain
    return _by_hook()


def _split(text: str) -> SplitResult:
    """Return the parts of a URL, refusing one of which Airflow would take a part of the password for another part."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # which is read here
    except ValueError:  # without the text, which has the password
        parts = SplitResult("", "", "", "", "")
    names = "".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    if not parts.scheme or parts.fragment or "@" in parts.path + names or text.count("://") > 1:
        raise ConnectionMissing(
            f"connection {CATALOG_CONN_ID!r} is no PostgreSQL URL: write {_URL_FORM}, "
            "in a password @ as %40, : as %3A, / as %2F, # as %23, ? as %3F"
        )
    return parts


def _require_postgres(conn_type: str | None) -> None:
    if (conn_type or "").partition("+")[0] not in ("postgres", "postgresql"):
        raise ConnectionMissing(
            f"connection {CATALOG_CONN_ID!r} is {conn_type or 'of no type'}: PostgreSQL is needed; "
            f"set AIRFLOW_CONN_{CATALOG_CONN_ID.upper()}={_URL_FORM}, or its type in Airflow to Postgres"
        )


def _plain(parts: SplitResult) -> CatalogConnection | None:
    """Return what the hook would make of a URL with options of libpq; None where the hook alone knows."""
    from psycopg.pq import Conninfo

    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = parts.hostname or ""
    if "%" in host or not options.keys() <= {option.keyword.decode() for option in Conninfo.get_defaults()}:
        return None
    return CatalogConnection(
        URL.create(
            _DRIVER,
            username=parts.username and unquote(parts.username),
            password=parts.password and unquote(parts.password),
            host=host,
            port=parts.port,
            database=unquote(parts.path[1:]),
        ),
        options,
    )


def _by_hook() -> CatalogConnection:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    _require_postgres(airflow_connection(CATALOG_CONN_ID).conn_type)
    hook = PostgresHook(postgres_conn_id=CATALOG_CONN_ID, sqlalchemy_scheme=_DRIVER)
    with _extra_refused():
        extra = hook.connection.extra_dejson
        options = {name: value for name, value in extra.items() if name not in hook.ignored_extra_options}
        return CatalogConnection(hook.sqlalchemy_url, options, (lambda: _token(hook)) if extra.get("iam") else None)


def _token(hook: Any) -> tuple[str, str, int]:  # noqa: ANN401 - imported late
    with _extra_refused():
        user, token, port = hook.get_iam_token(hook.connection)
    return user, token, port


@contextmanager
def _extra_refused() -> Iterator[None]:
    """Turn what the hook raises of the connection's extra, and AWS of an IAM token, into ConnectionMissing."""
    from airflow.sdk.exceptions import AirflowException
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (AirflowException, BotoCoreError, ClientError, TypeError, ValueError) as problem:
        raise ConnectionMissing(
            f"connection {CATALOG_CONN_ID!r} cannot be used: {problem}; correct its extra, "
            "or with `iam` the AWS connection of `aws_conn_id` (aws_default where there is none)"
        ) from problem
