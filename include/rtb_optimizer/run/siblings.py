"""What a run knows of values from other entities' tables: read once, and written before anything is made of it.

Which runs are read is in the snapshot; what they have in common is an output of the run. A retry, the run of a
challenger and a what-if run read that output, also when the siblings' tables are gone.
"""

import logging
from hashlib import sha256

from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import MIN_ENTITIES, PooledFeature
from rtb_optimizer.core.table.pooled import pool_tables
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.errors import ObjectAbsent, RtbOptimizerError, StoreFailed
from rtb_optimizer.outputs.compare import table_of
from rtb_optimizer.outputs.documents.pooled import NO_SIBLINGS, PooledDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.published import published
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, Run

log = logging.getLogger(__name__)

POOLED = "pooled.json"
READ = ("segments", "features")
UNREADABLE = (RtbOptimizerError, ValueError, LookupError, TypeError, OSError, NotImplementedError)
"""A table that retention has deleted, that is damaged, or whose bucket is gone keeps no other entity from its run."""


def pooled_of(session: Session, workspace: Workspace) -> PooledDocument:
    """Return what other entities have in common, as the run has written it; at first it is read and written."""
    if not workspace.snapshot.siblings:
        return NO_SIBLINGS
    standing = pooled_as_read(workspace)
    if standing is not NO_SIBLINGS:
        return standing
    body = _of_compared_run(session, workspace) or _pooled(session, workspace).to_json()
    workspace.write(POOLED, body)
    return pooled_as_read(workspace)


def pooled_as_read(workspace: Workspace) -> PooledDocument:
    """Return what the run has written of other entities; nothing where it has none."""
    if not workspace.snapshot.siblings:
        return NO_SIBLINGS
    try:
        return PooledDocument.read_exactly(workspace.read(POOLED))
    except ObjectAbsent:
        return NO_SIBLINGS


def pooled_warnings(pooled: PooledDocument) -> list[RunWarning]:
    """Return a warning where entities were left out; it names none of them, since others read this run's report."""
    if not pooled.unread:
        return []
    message = (
        f"entities whose tables could not be read, so that their factors are not pooled: {pooled.unread}; the log of "
        "select_features names their runs"
    )
    return [RunWarning("siblings_unread", message, pooled.unread)]


def pooled_features(workspace: Workspace, selection: SelectionDocument) -> dict[str, PooledFeature]:
    """Return what the selected features of a run shrink to, of those that shrink to what other entities know."""
    known = pooled_as_read(workspace).features(selection.link)
    return {each.name: known[each.name] for each in selection.chosen if each.siblings}


def _pooled(session: Session, workspace: Workspace) -> PooledDocument:
    tables = list[PublishedTable]()
    for opt_run_id in workspace.snapshot.siblings:
        try:
            run = session.get_one(Run, opt_run_id)
            _require_as_written(session, run)
            tables.append(table_of(published(session, run)))
        except UNREADABLE as problem:
            log.warning("what run %d knows is not pooled: %s", opt_run_id, problem)
    enough = tables if len(tables) >= MIN_ENTITIES else []
    by_link = {link: pool_tables(enough, link) for link in Link}
    unread = len(workspace.snapshot.siblings) - len(tables)
    return PooledDocument.of({link: pooled for link, pooled in by_link.items() if pooled}, unread)


def _require_as_written(session: Session, run: Run) -> None:
    """Raise StoreFailed where a table is not the one that the run wrote: its factors cannot be trusted."""
    store = ObjectStore.of(session.get_one(Entity, run.entity_id).s3_base_path)
    for row in runs.outputs(session, run.run_id):
        if row.output_type in READ and sha256(store.read(row.s3_key)).hexdigest() != row.sha256:
            raise StoreFailed(f"s3://{store.bucket}/{row.s3_key} is not what the run wrote: its sha256 differs")


def _of_compared_run(session: Session, workspace: Workspace) -> bytes | None:
    """Return what the run that a what-if run is compared with has pooled, so that only the values tried differ."""
    if workspace.snapshot.what_if is None:
        return None
    compared = session.get_one(Run, workspace.snapshot.what_if.compared_run_id)
    prefix = run_prefix(session.get_one(Entity, compared.entity_id).s3_base_path, compared.run_code)
    key = f"{prefix}/{POOLED}"
    return workspace.store.read(key) if workspace.store.stored(key) is not None else None
