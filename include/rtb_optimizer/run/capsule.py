"""Records everything that made a run: what it read of the store and of the catalog, and what it was made by."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.outputs.documents.capsule import SHARED, CapsuleDocument, CapsuleInput
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.files import json_bytes
from rtb_optimizer.run.capsule_rows import rows_read
from rtb_optimizer.run.made_by import made_by
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.row_copies import Row

CAPSULE = "capsule.json"
_AT_ONCE = 32


def capsule_document(session: Session, workspace: Workspace, selection: SelectionDocument) -> CapsuleDocument:
    """Return the capsule of a run whose outputs are about to be written."""
    run, settings = runs.find(session, workspace.opt_run_id), workspace.settings
    shared, read = dict[str, Any](), rows_read(session, run, selection.bids.runs)
    document = CapsuleDocument(
        entity_code=workspace.entity_code,
        run_id=run.run_id,
        run_code=run.run_code,
        data_start=workspace.window.start.isoformat(),
        data_end=workspace.window.end.isoformat(),
        bucket=workspace.store.bucket,
        prefix=f"{workspace.prefix}/",
        made_by=made_by(settings.engine_threads, settings.engine),
        inputs=_with_checksums(settings.logs_path, selection.inputs),
        empty_inputs=selection.empty_inputs,
        catalog={table: tuple(_interned(row, shared) for row in rows) for table, rows in read.items()},
        shared=shared,
    )
    given = dict[str, Any]()
    for logs in settings.event_logs:
        if read_of_events := selection.inputs_of(logs.role):
            given[logs.role.inputs] = _with_checksums(logs.path, read_of_events)
    if selection.tables.model_fields_set:
        given["tables"] = selection.tables
    return document.model_copy(update=given)


def _interned(row: Row, shared: dict[str, Any]) -> Row:
    """Return a row whose snapshot has the hash of each part that runs have in common, and add the part to `shared`."""
    if not isinstance(snapshot := row.get("config_snapshot"), dict):
        return row
    parts = dict(snapshot)
    for name in SHARED & parts.keys():
        hashed = sha256(json_bytes(parts[name])).hexdigest()
        shared[hashed], parts[name] = parts[name], hashed
    return {**row, "config_snapshot": parts}


def _with_checksums(path: str, inputs: Sequence[InputDocument]) -> tuple[CapsuleInput, ...]:
    """Return objects with the store's checksums; a store that has none for the first object has none."""
    store = ObjectStore.of(path)
    checksums = [store.checksum(each.s3_key, each.etag) for each in inputs[:1]]
    if any(checksums):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            checksums += pool.map(lambda each: store.checksum(each.s3_key, each.etag), inputs[1:])
    checksums += [None] * (len(inputs) - len(checksums))
    facts = ({"checksum": known} if known else {} for known in checksums)
    return tuple(
        CapsuleInput.model_validate({**each.model_dump(), "s3_bucket": store.bucket, **known})
        for each, known in zip(inputs, facts, strict=True)
    )
