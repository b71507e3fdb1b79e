"""The product's S3 connection, changed for the length of a test as an operator would change it."""

import json
import os
from contextlib import contextmanager
from unittest.mock import patch

from rtb_optimizer.store import connections

VARIABLE = "AIRFLOW_CONN_RTB_S3"


@contextmanager
def s3_connected(**form):
    """Set the connection to its present form with other fields; `extra` is added to the extra that it has.

    What is None is left out.
    """
    present = json.loads(os.environ[VARIABLE])
    extra = present["extra"] | form.get("extra", {})
    changed = present | form | {"extra": {name: value for name, value in extra.items() if value is not None}}
    forget()
    try:
        with patch.dict(os.environ, {VARIABLE: json.dumps(changed)}):
            yield changed
    finally:
        forget()


def forget():
    """Forget the client of a connection that has changed."""
    connections.s3_client.cache_clear()
    connections._s3_hook.cache_clear()
