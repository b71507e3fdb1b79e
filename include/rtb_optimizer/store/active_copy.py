"""Writes `{s3_base_path}/active.json`, a copy of the pointer and its outputs for readers without a database.

The catalog is authoritative. One statement reads the decision, its run and the outputs: a reader never sees a decision
with the run of another. A writer looks at the object, then at the catalog, and replaces only the object that it saw:
what it replaces is never newer than what it writes, whenever it dies. `reconcile` repairs copies that a crash left
outdated.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import MOVES, valid_until
from rtb_optimizer.core.realized.arms import ChallengerRule, Holdback
from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.store import challenger_runs, challengers, entities, runs, validity
from rtb_optimizer.store.objects import ObjectStore, active_key
from rtb_optimizer.store.schema import Entity, JsonObject, Run, RunDecision, RunOutput
from rtb_optimizer.store.validity import HOURS

MAX_ROUNDS = 20
FLOORS = "export_prebid_floors"
"""The export whose file is read as a whole: that of a challenger's run has the groups of the active run as well."""


def refresh(session: Session, entity_code: str) -> bool:
    """Bring the copy into line with the catalog; return whether it had to be written.

    Ends the session's transaction: none is open while S3 is asked.

    Raises:
        StoreFailed: when other writers were faster each time; `reconcile` writes it then.
    """
    entity = entities.find(session, entity_code)
    if content(session, entity) is None:
        return False
    store, key = ObjectStore.of(entity.s3_base_path), active_key(entity.s3_base_path)
    written = False
    for _ in range(MAX_ROUNDS):
        session.rollback()
        seen = store.seen(key)  # before the catalog: what is read there afterwards is no older
        expected = content(session, entity)
        session.rollback()
        if expected is None or seen.body == expected:
            return written
        written = store.replace(key, expected, seen) is not None or written
    raise StoreFailed(f"s3://{store.bucket}/{key} is being replaced by other processes: `reconcile` writes it")


def content(session: Session, entity: Entity) -> bytes | None:
    """Return the expected content of the copy, None before the first activation."""
    pointer = session.execute(_pointer(entity.entity_id)).one_or_none()
    if pointer is None:
        return None
    document: JsonObject = {
        "entity_code": pointer.entity_code,
        "object_id": pointer.object_id,
        "object_type": pointer.object_type,
        "run_id": pointer.run_id,
        "run_code": pointer.run_code,
        "decision_number": pointer.decision_number,
        "activated_at": pointer.decided_at.isoformat(),
        "activated_by": pointer.decided_by,
        "reasons": pointer.reasons,
        "outputs": pointer.outputs or {},
    }
    if pointer.run_id is not None:  # None after a policy stood down and no other is trusted: bidders bid 1
        document |= _of_run(pointer)
        if (challenger := _challenger(session, entity, pointer.run_id)) is not None:
            document["challenger"] = challenger
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _of_run(pointer: Row[Any]) -> Mapping[str, Any]:
    holdback = Holdback.of(RunSnapshot.read(pointer.config_snapshot).values, pointer.entity_code)
    return {
        "data_start": pointer.data_start.isoformat(),
        "data_end": pointer.data_end.isoformat(),
        "valid_until": valid_until(pointer.hours, pointer.data_end, pointer.decided_at).isoformat(),
        **({"holdback": holdback.document()} if holdback else {}),
    }


def _challenger(session: Session, entity: Entity, active_run_id: int) -> JsonObject | None:
    """Return what bidders read of a challenger that has a live run, None where there is none."""
    challenger = challengers.open_one(session, entity)
    if challenger is None or challenger.run_id is None or challenger.run_id == active_run_id:  # promoted just now
        return None
    run = session.get_one(Run, challenger.run_id)
    values = RunSnapshot.read(run.config_snapshot).values
    since = challenger_runs.live_since(session, run) or run.data_end
    outputs = _outputs(session, run.run_id)
    if not _is_beside(run, active_run_id):  # its floors have the groups of another active run
        outputs.pop(FLOORS, None)
    return {
        "run_id": run.run_id,
        "run_code": run.run_code,
        "data_start": run.data_start.isoformat(),
        "data_end": run.data_end.isoformat(),
        "valid_until": validity.run_valid_until(session, run, since).isoformat(),
        "outputs": outputs,
        "rule": ChallengerRule.of(values, entity.entity_code, challenger.share).document(),
    }


def _is_beside(run: Run, active_run_id: int) -> bool:
    challenge = RunSnapshot.read(run.config_snapshot).challenge
    return challenge is not None and challenge.beside_run_id == active_run_id


def _outputs(session: Session, opt_run_id: int) -> JsonObject:
    return {
        row.output_type: {
            "s3_bucket": row.s3_bucket,
            "s3_key": row.s3_key,
            "row_count": row.row_count,
            "byte_size": row.byte_size,
            "sha256": row.sha256,
        }
        for row in runs.outputs(session, opt_run_id)
    }


def _pointer(entity_id: int) -> Select[Any]:
    """Return the statement that reads an entity's last move, the run that it led to, and that run's outputs."""
    last_move = (
        select(func.max(RunDecision.decision_number))
        .where(RunDecision.entity_id == entity_id, RunDecision.decision.in_(MOVES))
        .scalar_subquery()
    )
    facts = [
        name
        for column in ("s3_bucket", "s3_key", "row_count", "byte_size", "sha256")
        for name in (column, getattr(RunOutput, column))
    ]
    outputs = (
        select(func.jsonb_object_agg(RunOutput.output_type, func.jsonb_build_object(*facts)))
        .where(RunOutput.run_id == Entity.active_run_id)
        .scalar_subquery()
    )
    of_entity = Entity.entity_code, Entity.object_id, Entity.object_type
    of_run = Run.run_id, Run.run_code, Run.data_start, Run.data_end, Run.config_snapshot, HOURS.label("hours")
    of_move = RunDecision.decision_number, RunDecision.decided_at, RunDecision.decided_by, RunDecision.reasons
    return (
        select(*of_entity, *of_run, *of_move, outputs.label("outputs"))
        .join(RunDecision, (RunDecision.entity_id == Entity.entity_id) & (RunDecision.decision_number == last_move))
        .outerjoin(Run, Run.run_id == Entity.active_run_id)
        .where(Entity.entity_id == entity_id)
    )
