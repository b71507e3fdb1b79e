"""Do the outputs of a run stand in S3 as they were recorded? Each is read back and held against its row."""

from sqlalchemy.orm import Session

from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.runs import outputs

OUTPUT_TYPES = ("segments", "features", "ad_macros", "report", "manifest")


def verify_outputs(session: Session, store: ObjectStore, opt_run_id: int) -> None:
    """Read back every output of a run and hold it against its row.

    A decision by hand verifies after it has locked the entity, in the same transaction: retention takes the rows of
    what it deletes under that lock.

    Raises:
        RunIncomplete: naming each output that is absent or differs.
    """
    problems = output_problems(session, store, opt_run_id)
    if problems:
        raise RunIncomplete(f"run {opt_run_id} cannot be activated: {'; '.join(problems)}")


def output_problems(session: Session, store: ObjectStore, opt_run_id: int) -> list[str]:
    """Return, in words, what is wrong with a run's outputs, each read back and held against its row."""
    rows = {row.output_type: row for row in outputs(session, opt_run_id)}
    if not rows:
        return ["it has no outputs: retention deleted them (keep_good_runs, keep_days), or none were recorded"]
    problems = [f"{kind} was not recorded" for kind in OUTPUT_TYPES if kind not in rows]
    for kind, row in rows.items():
        found = store.stored(row.s3_key)
        if found is None:
            problems.append(f"{kind} is gone from s3://{row.s3_bucket}/{row.s3_key}")
        elif (found.byte_size, found.sha256) != (row.byte_size, row.sha256):
            problems.append(f"{kind} at s3://{row.s3_bucket}/{row.s3_key} is not what was written")
    return problems
