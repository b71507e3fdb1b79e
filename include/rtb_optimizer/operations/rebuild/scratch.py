"""Where a run is made again: a catalog that holds what it read, and a prefix that holds what it writes."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rtb_optimizer.operations.rebuild.comparison import AS_PUBLISHED
from rtb_optimizer.operations.rebuild.source import Source
from rtb_optimizer.run.workspace import TABLES
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.redirected import redirected
from rtb_optimizer.store.row_copies import own_catalog
from rtb_optimizer.store.scratch_objects import Place, ScratchObjects

FOLDER, EARLIER, BESIDE = "rebuilds", "earlier", "beside"
LEFT_OVER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ScratchOptions:
    """How a run is made again.

    Attributes:
        url: The prefix below which its objects are written; empty for the entity's base path.
        moved: Prefixes of URLs of logs that are elsewhere now, each with where.
        settings: By which it is carried out otherwise than it was, as `engine_threads`.
        keep: Whether its objects are left there.
    """

    url: str = ""
    moved: Mapping[str, str] | None = None
    settings: Mapping[str, Any] | None = None
    keep: bool = False


@contextmanager
def scratch(source: Source, options: ScratchOptions) -> Iterator[str]:
    """Let the steps of a run read and write a scratch catalog and prefix for a `with` block; yields the prefix' URL.

    The rows of the catalog that they read are there, and its capsule; nothing else can be written.
    """
    capsule = source.capsule
    base = options.url or f"s3://{capsule.bucket}/{capsule.prefix.removesuffix(f'runs/{capsule.run_code}/')}"
    bucket, prefix = split_url(base.rstrip("/") + f"/{FOLDER}/")
    store, kept = ObjectStore.of(base), f"{prefix}{capsule.run_code}-{uuid.uuid4().hex[:10]}/"
    moved = {_place(then): _place(now) for then, now in (options.moved or {}).items()}
    moved |= _carried(source, store, kept)
    places = {(capsule.bucket, capsule.prefix): (bucket, kept)}
    if (main := main_of(source)) is not None:
        runs = capsule.prefix.removesuffix(f"{capsule.run_code}/")
        places[capsule.bucket, f"{runs}{main['run_code']}/work/"] = (bucket, f"{kept}{BESIDE}/work/")
    _write(store, kept, source)
    catalog = own_catalog(_rows(source, options.settings or {}))
    client = ScratchObjects(connections.client_in_use(), places, moved)
    try:
        with redirected(catalog, client):
            yield f"s3://{bucket}/{kept}"
    finally:
        catalog.dispose()
        _clean(store, prefix, "" if options.keep else kept)


def _rows(source: Source, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rows of a capsule; the run beside which a challenger's was made is running, too, as it selects."""
    rows, main = source.capsule.rows, main_of(source)
    for row in rows["opt_runs"]:
        if row["run_id"] in (source.capsule.run_id, main["run_id"] if main else None):
            row["status"] = "running"
            row.pop("finished_at", None)
            row["config_snapshot"] |= {"carried_out_with": dict(settings)} if settings else {}
    return rows


def main_of(source: Source) -> Mapping[str, Any] | None:
    """Return the row of the entity's own run beside which a challenger's run was made, None for any other run."""
    row = source.capsule.run_row
    same = ("airflow_dag_id", "airflow_run_id", "clear_number")
    beside = (
        each
        for each in source.capsule.rows["opt_runs"]
        if "challenger_id" not in each and all(each[name] == row[name] for name in same)
    )
    return next(beside, None) if "challenger_id" in row else None


def _carried(source: Source, store: ObjectStore, kept: str) -> dict[Place, Place]:
    """Put the objects of earlier runs that come with the run beside it; return where they are."""
    places = dict[Place, Place]()
    for row in source.capsule.rows["opt_run_outputs"] if source.carried else ():
        body = source.read(row["s3_bucket"], row["s3_key"])
        if body is not None:
            key = f"{kept}{EARLIER}/{row['s3_key']}"
            store.put_once(key, body)
            places[row["s3_bucket"], row["s3_key"]] = (store.bucket, key)
    return places


def _write(store: ObjectStore, kept: str, source: Source) -> None:
    """Write what stands before the first step: the capsule, what other entities knew, and the snapshots of tables."""
    for name in AS_PUBLISHED & source.outputs.keys():
        row = source.outputs[name]
        if (body := source.read(str(row["s3_bucket"]), str(row["s3_key"]))) is not None:
            store.put_once(f"{kept}{str(row['s3_key']).removeprefix(source.capsule.prefix)}", body)
    if source.capsule.tables.model_fields_set:
        for run in (kept, f"{kept}{BESIDE}/"):
            store.put_once(f"{run}work/{TABLES}.json", source.capsule.tables.to_json())


def _clean(store: ObjectStore, prefix: str, kept: str) -> None:
    """Delete what was made, and what rebuilds that were killed have left more than a day ago."""
    before = datetime.now(UTC) - LEFT_OVER
    listed = list(store.list(prefix))
    newest = dict[str, datetime]()
    for each in listed:
        folder = _folder(each.key, prefix)
        newest[folder] = max(newest.get(folder, each.modified), each.modified)
    old = {folder for folder, last in newest.items() if last < before}
    store.delete([each.key for each in listed if _folder(each.key, prefix) in old | {kept}])


def _folder(key: str, prefix: str) -> str:
    return f"{prefix}{key.removeprefix(prefix).partition('/')[0]}/"


def _place(url: str) -> Place:
    return split_url(url)
