"""Waits for a row's lock for a limited time, and says who holds it.

Whoever holds a row of the catalog holds it for milliseconds: nothing is asked of S3, Airflow or a person meanwhile.
"""

from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import Result, Select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from rtb_optimizer.errors import CatalogBusy

TIMEOUT_S = 20
"""Far longer than any decision takes, and shorter than a person or a task waits for an answer."""
_HOLDERS = text("""
SELECT DISTINCT a.pid, a.usename, a.application_name, host(a.client_addr) AS client, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS seconds
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.relation IN ('opt_entities'::regclass, 'opt_runs'::regclass) AND l.granted AND a.datname = current_database()
  AND l.mode IN ('RowShareLock', 'RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
  AND a.pid <> pg_backend_pid() AND a.wait_event_type IS DISTINCT FROM 'Lock'
ORDER BY seconds DESC NULLS LAST, a.pid
""")


def locking(session: Session, query: Select[Any], what: str) -> Result[Any]:
    """Run a query that locks rows; `what` names them in the error.

    Raises:
        CatalogBusy: after TIMEOUT_S, with the sessions that hold them; the transaction is rolled back.
    """
    session.execute(text(f"SET LOCAL lock_timeout = '{TIMEOUT_S}s'"))
    try:
        rows = session.execute(query)
    except OperationalError as problem:
        if not isinstance(problem.orig, LockNotAvailable):
            raise
        session.rollback()
        raise CatalogBusy(_busy(session, what)) from problem
    session.execute(text("SET LOCAL lock_timeout = DEFAULT"))  # it is these rows whose wait is limited, and named
    return rows


def _busy(session: Session, what: str) -> str:
    holders = session.execute(_HOLDERS).all()
    session.rollback()
    named = [
        f"process {pid} of user {user} ({application or 'no application name'}, from {client or 'this host'}), "
        f"{state or 'in a state that this role may not see'} for {seconds} s"
        for pid, user, application, client, state, seconds in holders
    ]
    held = f"held by {'; '.join(named)}" if named else "held by a session that has just ended"
    end = f"; if it does not end by itself: SELECT pg_terminate_backend({holders[0].pid})" if holders else ""
    return f"{what} has been locked for {TIMEOUT_S} s, {held}. Nothing was changed: repeat it{end}"
