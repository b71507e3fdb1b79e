"""The catalog side of retention: reads an entity's past runs and deletes output rows."""

from collections.abc import Collection

from sqlalchemy import CursorResult, delete, exists, func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import MOVES
from rtb_optimizer.core.decision.retention import PastRun
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunOutput


def past_runs(session: Session, entity: Entity) -> list[PastRun]:
    """Return all runs of an entity, in the form that retention uses."""
    last_active = (
        select(func.max(RunDecision.decision_number))
        .where(RunDecision.run_id == Run.run_id, RunDecision.decision.in_(MOVES))
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Run.run_id,
            Run.run_code,
            Run.status,
            Run.finished_at,
            exists().where(RunOutput.run_id == Run.run_id),
            last_active,
            Run.config_snapshot["active_run_id"].as_integer(),
            Run.is_sandbox,
            Run.config_snapshot["what_if"]["compared_run_id"].as_integer(),
            Run.is_challenger,
        ).where(Run.entity_id == entity.entity_id)
    )
    return [PastRun(*row) for row in rows]


def delete_output_rows(session: Session, entity: Entity, run_codes: Collection[str]) -> int:
    """Delete the output rows of runs whose objects are to be deleted; return their number. The caller commits.

    Only rows of objects in the run's own folder: rows of objects below a former base path are not deleted.
    """
    bucket, deleted = split_url(entity.s3_base_path)[0], 0
    for code in run_codes:
        run_id = select(Run.run_id).where(Run.entity_id == entity.entity_id, Run.run_code == code).scalar_subquery()
        folder = f"{run_prefix(entity.s3_base_path, code)}/"
        inside = RunOutput.s3_bucket == bucket, RunOutput.s3_key.startswith(folder, autoescape=True)
        result = session.execute(delete(RunOutput).where(RunOutput.run_id == run_id, *inside))
        assert isinstance(result, CursorResult)  # noqa: S101 - the type that a DELETE returns
        deleted += result.rowcount
    return deleted
