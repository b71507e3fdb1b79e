"""How does a request reach the catalog? By a session of its own; what it does not commit is undone."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from rtb_optimizer.store import connections


def session() -> Iterator[Session]:
    """Open a session for one request."""
    with connections.session() as opened:
        yield opened


Catalog = Annotated[Session, Depends(session)]


def snapshot(opened: Catalog) -> Session:
    """Return a session whose reads all see one moment: a pointer that moves between two of them does not show."""
    opened.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return opened


Snapshot = Annotated[Session, Depends(snapshot)]
