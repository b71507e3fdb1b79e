"""The catalog of Iceberg tables: an Airflow connection, `rtb_iceberg`.

Its host is the URI of a REST catalog, its login and password the client id and secret; its extra has any property of
pyiceberg's catalogs by name, as `{"type": "glue"}`.
"""

from rtb_optimizer.errors import ConnectionMissing, LogsInvalid, StoreFailed
from rtb_optimizer.store.airflow_connections import airflow_connection

ICEBERG_CONN_ID = "rtb_iceberg"
STORE = "rtb_optimizer.logs.lake.iceberg_store.StoredFiles"
"""By which a catalog reads the metadata that it names: the store of the logs."""


def current_metadata(name: str) -> str:
    """Return the URL of the metadata of a table that the catalog says is current.

    Args:
        name: The table's name with its namespace, as `logs.impressions`.

    Raises:
        ConnectionMissing: where there is no connection, or its properties are of no catalog.
        LogsInvalid: where the catalog has no such table.
        StoreFailed: where the catalog does not answer, or refuses to.
    """
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, NotInstalledError

    properties = _properties()
    try:
        catalog = load_catalog(ICEBERG_CONN_ID, **properties)
    except (NotInstalledError, ValueError) as problem:
        raise ConnectionMissing(
            f"connection {ICEBERG_CONN_ID!r} cannot be used: {problem}; its host is the URI of a REST catalog, its "
            'extra has the properties of any other, as {"type": "glue"}'
        ) from problem
    except Exception as problem:
        raise _unanswered(problem) from problem
    try:
        return str(catalog.load_table(name).metadata_location)
    except (NoSuchTableError, NoSuchNamespaceError) as problem:
        raise LogsInvalid(
            f"the catalog of the connection {ICEBERG_CONN_ID!r} has no table {name!r}: correct iceberg_tables"
        ) from problem
    except Exception as problem:
        raise _unanswered(problem) from problem


def _properties() -> dict[str, str]:
    connection = airflow_connection(ICEBERG_CONN_ID)
    known = {
        "uri": connection.host,
        "credential": f"{connection.login}:{connection.password}" if connection.login else None,
    }
    named = known | connection.extra_dejson | {"py-io-impl": STORE}
    return {name: str(value) for name, value in named.items() if value is not None}


def _unanswered(problem: Exception) -> StoreFailed:
    cause = " ".join(str(problem).split())[:300]
    return StoreFailed(f"the catalog of the connection {ICEBERG_CONN_ID!r} does not answer: {cause}")
