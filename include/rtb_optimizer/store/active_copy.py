"""Writes `{s3_base_path}/active.json`, a copy of the pointer and its outputs for readers without a database.

The catalog is authoritative. Two activations may write their copies in reverse order, so a writer rereads the catalog
after each write until both agree; `reconcile` does the same for copies that a crash left outdated.
"""

import json

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.realized.arms import Holdback
from rtb_optimizer.store import entities, history, runs, validity
from rtb_optimizer.store.objects import ObjectStore, active_key
from rtb_optimizer.store.schema import Entity, JsonObject, Run, RunDecision

MAX_ROUNDS = 10


def refresh(session: Session, entity_code: str) -> bool:
    """Bring the copy into line with the catalog; return whether it had to be written."""
    entity = entities.find(session, entity_code)
    store, key = ObjectStore.of(entity.s3_base_path), active_key(entity.s3_base_path)
    written = False
    for _ in range(MAX_ROUNDS):
        session.expire_all()
        expected = content(session, entity)
        if expected is None or (store.stored(key) is not None and store.read(key) == expected):
            break
        store.replace(key, expected)
        written = True
    return written


def content(session: Session, entity: Entity) -> bytes | None:
    """Return the expected content of the copy, None before the first activation."""
    last_move = history.last_move(session, entity)
    if last_move is None:
        return None
    if entity.active_run_id is None:
        return _json(_without_run(entity, last_move))
    run = session.get_one(Run, entity.active_run_id)
    outputs = {
        row.output_type: {
            "s3_bucket": row.s3_bucket,
            "s3_key": row.s3_key,
            "row_count": row.row_count,
            "byte_size": row.byte_size,
            "sha256": row.sha256,
        }
        for row in runs.outputs(session, run.run_id)
    }
    document: JsonObject = {
        "entity_code": entity.entity_code,
        "object_id": entity.object_id,
        "object_type": entity.object_type,
        "run_id": run.run_id,
        "run_code": run.run_code,
        "data_start": run.data_start.isoformat(),
        "data_end": run.data_end.isoformat(),
        "decision_number": last_move.decision_number,
        "activated_at": last_move.decided_at.isoformat(),
        "valid_until": validity.run_valid_until(session, run, last_move.decided_at).isoformat(),
        "outputs": outputs,
    }
    if holdback := Holdback.of(RunSnapshot.read(run.config_snapshot).values, entity.entity_code):
        document["holdback"] = holdback.document()
    return _json(document)


def _without_run(entity: Entity, last_move: RunDecision) -> JsonObject:
    """Return the copy after a policy stood down and no other is trusted: bidders bid 1, as before the first run."""
    return {
        "entity_code": entity.entity_code,
        "object_id": entity.object_id,
        "object_type": entity.object_type,
        "run_id": None,
        "run_code": None,
        "decision_number": last_move.decision_number,
        "activated_at": last_move.decided_at.isoformat(),
        "outputs": {},
    }


def _json(document: JsonObject) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True).encode()
