"""Looks up connections of Airflow."""

import os
from typing import Any

from rtb_optimizer.errors import ConnectionMissing


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
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if os.environ.get(variable):
            message = f"connection {conn_id!r} cannot be read: {variable} must be a URL or JSON as Airflow documents"
        else:
            message = f"no Airflow connection {conn_id!r}: set {variable} or add it to Airflow"
        raise ConnectionMissing(message) from None
