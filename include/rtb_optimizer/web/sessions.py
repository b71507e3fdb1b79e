"""Opens one session of the catalog per request; what the request does not commit is rolled back."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from rtb_optimizer.store import connections


def session() -> Iterator[Session]:
    """Open a session for one request."""
    with connections.session() as opened:
        yield opened


CatalogSession = Annotated[Session, Depends(session)]


def snapshot(opened: CatalogSession) -> Session:
    """Return a session whose reads all see the same state: a pointer move between two reads is not visible."""
    opened.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return opened


SnapshotSession = Annotated[Session, Depends(snapshot)]
