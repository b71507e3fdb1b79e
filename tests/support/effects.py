"""Every effect of a run on the world, by name, and what a test lets happen at it.

An effect is a commit on the catalog that has something to commit, or an object that is put. Both are seen from
outside the product: below SQLAlchemy's transaction, and by botocore's own events.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from botocore.exceptions import ConnectionClosedError

from rtb_optimizer.store import connections

BEFORE, AFTER = "before", "after"


class Effects:
    """Sees each effect; `happens(effect, when)` is called before it and after it, and may raise."""

    def __init__(self, happens: Callable[[str, str], None] = lambda _effect, _when: None) -> None:
        self.step, self.seen, self.happens = "", [], happens

    @contextmanager
    def watched(self) -> Iterator["Effects"]:
        """See the effects of this process for the length of a `with` block."""
        dialect, events = connections.catalog().dialect, connections.s3_client().meta.events
        self._commit, self._key = dialect.do_commit, ""
        dialect.do_commit = self._on_commit
        events.register("provide-client-params.s3.PutObject", self._on_put)
        events.register("after-call.s3.PutObject", self._on_answer)
        try:
            yield self
        finally:
            del dialect.do_commit
            events.unregister("provide-client-params.s3.PutObject", self._on_put)
            events.unregister("after-call.s3.PutObject", self._on_answer)

    def _on_commit(self, connection) -> None:
        driver = connection.driver_connection
        if driver.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,):
            return self._commit(connection)
        effect = self._named("commit")
        try:
            self.happens(effect, BEFORE)
            self._commit(connection)
            self.happens(effect, AFTER)
        except Lost as lost:
            driver.close()
            raise psycopg.OperationalError(f"server closed the connection unexpectedly ({lost})") from lost
        return None

    def _on_put(self, params, **_) -> None:
        *_, place, self._key = f"/{params['Key']}".rsplit("/", 2)
        self._key = f"put {'work/' if place == 'work' else ''}{self._key}"
        self._put(self._named(self._key), BEFORE)

    def _on_answer(self, **_) -> None:
        self._put(self.seen[-1], AFTER)

    def _put(self, effect: str, when: str) -> None:
        try:
            self.happens(effect, when)
        except Lost as lost:
            raise ConnectionClosedError(endpoint_url=f"http://store/{effect}") from lost

    def _named(self, what: str) -> str:
        self.seen.append(f"{self.step}: {what}")
        return self.seen[-1]


class Lost(Exception):
    """The connection is lost: before an effect nothing of it has happened; after it, only its answer is missing."""


class Fault:
    """Loses the connection once, at one effect, before or after it."""

    def __init__(self, effect: str, when: str) -> None:
        self.effect, self.when, self.fired = effect, when, False

    def __call__(self, effect: str, when: str) -> None:
        """Lose the connection if this is where."""
        if (effect, when) == (self.effect, self.when) and not self.fired:
            self.fired = True
            raise Lost(f"{when} {effect}")
