"""Verifies the outputs of a run: reads each back from S3 and compares it with its row."""

from sqlalchemy.orm import Session

from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.runs import outputs

OUTPUT_TYPES = ("segments", "features", "ad_macros", "report", "manifest")


def verify_outputs(session: Session, store: ObjectStore, opt_run_id: int) -> None:
    """Read back every output of a run and compare it with its row.

    Called while no lock is held. What was `recorded` then is compared again under the entity's lock: retention deletes
    the rows of the outputs that it deletes under that lock.

    Raises:
        RunIncomplete: naming each output that is missing or differs.
    """
    problems = output_problems(session, store, opt_run_id)
    if problems:
        raise RunIncomplete(f"run {opt_run_id} cannot be activated: {'; '.join(problems)}")


def recorded(session: Session, opt_run_id: int) -> frozenset[tuple[str, str, str]]:
    """Return the outputs that the catalog has of a run: type, key and hash."""
    return frozenset((row.output_type, row.s3_key, row.sha256) for row in outputs(session, opt_run_id))


def output_problems(session: Session, store: ObjectStore, opt_run_id: int) -> list[str]:
    """Return the problems of a run's outputs, as sentences, after comparing each with its row."""
    rows = {row.output_type: row for row in outputs(session, opt_run_id)}
    if not rows:
        return ["it has no outputs: retention deleted them (keep_good_runs, keep_days), or none were recorded"]
    problems = [f"{kind} was not recorded" for kind in OUTPUT_TYPES if kind not in rows]
    for kind, row in rows.items():
        stored = store.stored(row.s3_key)
        if stored is None:
            problems.append(f"{kind} is gone from s3://{row.s3_bucket}/{row.s3_key}")
        elif (stored.byte_size, stored.sha256) != (row.byte_size, row.sha256):
            problems.append(f"{kind} at s3://{row.s3_bucket}/{row.s3_key} is not what was written")
    return problems
