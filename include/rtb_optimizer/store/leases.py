"""The lease of a run that no scheduler watches: an advisory lock that its process holds as long as it lives.

PostgreSQL drops the lock with the connection, however the process ends. A connection may also be lost while the process
lives on (the catalog restarts): the process takes its lock again within seconds, on a new one.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rtb_optimizer.store import connections

PING_S = 5.0
RETAKEN_WITHIN_S = 15.0
"""A lease that is free for longer is that of a process that has ended."""

log = logging.getLogger(__name__)


@contextmanager
def held(opt_run_id: int) -> Iterator[None]:
    """Hold the lease of a run for the length of a `with` block."""
    connection = _taken(opt_run_id)
    is_over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(opt_run_id, connection, is_over), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


def is_free(session: Session, opt_run_id: int) -> bool:
    """Return whether nobody holds the lease of a run now."""
    is_ours: bool = session.scalars(select(func.pg_try_advisory_xact_lock(_key(opt_run_id)))).one()
    session.rollback()
    return is_ours


def _keep(opt_run_id: int, connection: Connection | None, is_over: threading.Event) -> None:
    while not is_over.wait(PING_S):
        try:
            if connection is None:
                connection = _taken(opt_run_id)
            else:
                connection.execute(text("SELECT 1"))
        except DBAPIError:
            log.info("the lease of run %d is taken again: its connection was lost", opt_run_id)
            connection = None
    if connection is not None:
        connection.close()


def _taken(opt_run_id: int) -> Connection | None:
    """Return a connection that holds the lease, None while an earlier connection still has it."""
    connection = connections.catalog().connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # closing it ends the session, and with it the lock
    if connection.scalar(select(func.pg_try_advisory_lock(_key(opt_run_id)))):
        return connection
    connection.close()
    return None


def _key(opt_run_id: int) -> object:
    return func.hashtextextended(f"rtb_optimizer.run:{opt_run_id}", 0)
