"""What do readers without a database see? `{s3_base_path}/active.json`, a copy of the pointer and its outputs.

The catalog is the truth. Two activations may write their copies in the other order, so a writer looks at the truth
again after it wrote, until both agree; `reconcile` does the same for copies that a crash left behind.
"""

import json

from sqlalchemy.orm import Session

from rtb_optimizer.store import entities, history, runs, validity
from rtb_optimizer.store.objects import ObjectStore, active_key
from rtb_optimizer.store.schema import Entity, Run

MAX_ROUNDS = 10


def refresh(session: Session, entity_code: str) -> bool:
    """Make the copy say what the catalog says; return whether it had to be written."""
    entity = entities.find(session, entity_code)
    store, key = ObjectStore.of(entity.s3_base_path), active_key(entity.s3_base_path)
    wrote = False
    for _ in range(MAX_ROUNDS):
        session.expire_all()
        truth = content(session, entity)
        found = store.stored(key)
        if truth is None or (found is not None and store.read(key) == truth):
            break
        store.replace(key, truth)
        wrote = True
    return wrote


def content(session: Session, entity: Entity) -> bytes | None:
    """Return what the copy should hold, None before the first activation."""
    moved = history.last_move(session, entity)
    if entity.active_run_id is None or moved is None:  # either both are there, written together, or none
        return None
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
    document = {
        "entity_code": entity.entity_code,
        "object_id": entity.object_id,
        "object_type": entity.object_type,
        "run_id": run.run_id,
        "run_code": run.run_code,
        "data_start": run.data_start.isoformat(),
        "data_end": run.data_end.isoformat(),
        "decision_number": moved.decision_number,
        "activated_at": moved.decided_at.isoformat(),
        "valid_until": validity.run_valid_until(session, run, moved.decided_at).isoformat(),
        "outputs": outputs,
    }
    return json.dumps(document, indent=2, sort_keys=True).encode()
