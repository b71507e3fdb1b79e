"""Runs that many tests start from are run once: a later test gets the catalog and the objects as they were after them.

The catalog is copied as a database, the objects stay where they are: what the test before has changed is put back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import ObjectStore, split_url


@dataclass(frozen=True)
class Recording:
    """What the runs returned, the copy of their catalog, and their objects: entity tags and bodies by key."""

    result: Any
    database: str
    folder: str
    objects: Mapping[str, tuple[str, bytes]]


class Recordings:
    """The recordings of a session, by what was run."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._made: dict[str, Recording] = {}

    def result(self, what: str, database: str, base_path: str, run: Callable[[], Any]) -> Any:
        """Run it, or bring the database to where it was after it had been run; return what it returned.

        Nothing else may be connected to the database, which must be the test's own.
        """
        recording = self._made.get(what)
        if recording is None:
            recording = self._made[what] = self._recorded(run(), database, base_path)
        else:
            self._copy(recording.database, database)
            _put_back(recording)
        return recording.result

    def _recorded(self, result: Any, database: str, base_path: str) -> Recording:
        store, folder = ObjectStore.of(base_path), f"{base_path}/"
        listed = store.list(split_url(folder)[1])
        objects = {each.key: (each.etag, store.read(each.key)) for each in listed}
        copy = f"recording_{len(self._made)}"
        self._copy(database, copy)
        return Recording(result, copy, folder, objects)

    def _copy(self, source: str, target: str) -> None:
        connections.catalog().dispose()
        with psycopg.connect(self._server_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {target}")
            server.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY wal_log")


def _put_back(recording: Recording) -> None:
    store = ObjectStore.of(recording.folder)
    there = {each.key: each.etag for each in store.list(split_url(recording.folder)[1])}
    for key, (etag, body) in recording.objects.items():
        if there.get(key) != etag:
            store.replace(key, body)
    store.delete([key for key in there if key not in recording.objects])
