"""Creates and reads runs, and records their features, macros and outputs.

The writes of a step are fenced: they lock the run's row and raise when it is no longer running, so that an orphan of a
killed worker cannot change a run that has failed, was cleared or has finished in the meantime.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.errors import NotFound, RunNotRunning
from rtb_optimizer.store import locks
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.store.schema import Entity, Run, RunFeature, RunFeatureMacro, RunOutput

CLI_DAG_ID = "cli"  # the DAG id of runs of the command line
MAX_ERROR_LENGTH = 4000
MAX_ID_DIGITS = 18  # a longer number may exceed the range of bigint


@dataclass(frozen=True, slots=True)
class Attempt:
    """The origin of a run: an Airflow dag run and how often it was cleared, or a call of the command line."""

    dag_id: str
    dag_run_id: str
    clear_number: int = 0

    def run_code(self, entity_code: str, window: Window, challenger_id: int | None = None) -> str:
        """Return the run's code: entity, window, and ten hex digits that are unique to the attempt and challenger."""
        beside = "" if challenger_id is None else f"|{challenger_id}"
        digest = hashlib.sha256(f"{self.dag_id}|{self.dag_run_id}|{self.clear_number}{beside}".encode()).hexdigest()
        return f"{entity_code}-{window.start:%Y%m%d}-{window.end:%Y%m%d}-{digest[:10]}"


def create(  # noqa: PLR0913 - the columns of a new run
    session: Session,
    entity: Entity,
    attempt: Attempt,
    window: Window,
    config_snapshot: Mapping[str, object],
    triggered_by: str,
    *,
    is_sandbox: bool = False,
    challenger_id: int | None = None,
) -> Run:
    """Return the attempt's run, inserted unless it exists. Earlier attempts that are still running end as failed.

    With `challenger_id` it is the run of that challenger, beside the entity's own run of the same attempt.

    Raises:
        RunNotRunning: when a later attempt has begun: this process is an orphan of a killed worker.
    """
    of_dag_run = Run.airflow_dag_id == attempt.dag_id, Run.airflow_run_id == attempt.dag_run_id
    if (session.scalar(select(func.max(Run.clear_number)).where(*of_dag_run)) or 0) > attempt.clear_number:
        raise RunNotRunning(f"{attempt.dag_run_id} was cleared: a later attempt has begun")
    replaced = "the dag run was cleared: a new run replaces this one"
    session.execute(
        update(Run)
        .where(*of_dag_run, Run.clear_number < attempt.clear_number, Run.status == "running")
        .values(status="failed", finished_at=func.now(), error_message=replaced)
    )
    row = insert(Run).values(
        entity_id=entity.entity_id,
        version_id=entity.current_version_id,
        run_code=attempt.run_code(entity.entity_code, window, challenger_id),
        triggered_by=triggered_by,
        is_sandbox=is_sandbox,
        challenger_id=challenger_id,
        is_challenger=challenger_id is not None,
        data_start=window.start,
        data_end=window.end,
        config_snapshot=dict(config_snapshot),
        airflow_dag_id=attempt.dag_id,
        airflow_run_id=attempt.dag_run_id,
        clear_number=attempt.clear_number,
    )
    session.execute(row.on_conflict_do_nothing())  # another try of this attempt may have inserted it, under either key
    own = Run.clear_number == attempt.clear_number, func.coalesce(Run.challenger_id, 0) == (challenger_id or 0)
    return session.scalars(select(Run).where(*of_dag_run, *own)).one()


def find(session: Session, run: int | str) -> Run:
    """Return a run by id or run_code.

    Raises:
        NotFound: when there is none.
    """
    is_id = isinstance(run, int) or (run.isdecimal() and len(run) <= MAX_ID_DIGITS)
    row = session.scalars(select(Run).where(Run.run_id == int(run) if is_id else Run.run_code == run)).one_or_none()
    if row is None:
        raise NotFound(f"no run {run!r}: `python -m rtb_optimizer runs list` shows the runs")
    return row


def of_dag_run(session: Session, dag_id: str, dag_run_id: str) -> Run:
    """Return the run of a dag run's last attempt.

    Raises:
        NotFound: when the dag run has none, for example before its first task has run.
    """
    own = Run.airflow_dag_id == dag_id, Run.airflow_run_id == dag_run_id, Run.challenger_id.is_(None)
    query = select(Run).where(*own)
    row = session.scalars(query.order_by(Run.clear_number.desc()).limit(1)).one_or_none()
    if row is None:
        raise NotFound(f"dag run {dag_run_id!r} of {dag_id!r} has no run yet: its task create_run creates it")
    return row


def succeeded(session: Session, entity: Entity, limit: int = 10) -> Sequence[Run]:
    """Return an entity's succeeded runs, the newest first."""
    query = select(Run).where(Run.entity_id == entity.entity_id, Run.status == "succeeded")
    return session.scalars(query.order_by(Run.run_id.desc()).limit(limit)).all()


def by_id(session: Session, run_ids: Collection[int]) -> Sequence[Run]:
    """Return the runs with these ids, in the order of the ids."""
    return session.scalars(select(Run).where(Run.run_id.in_(run_ids)).order_by(Run.run_id)).all()


def by_code(session: Session, entity_id: int, run_codes: Collection[str]) -> Sequence[Run]:
    """Return the succeeded runs of an entity with these codes, in the order of their ids."""
    own = select(Run).where(Run.entity_id == entity_id, Run.status == "succeeded", Run.run_code.in_(run_codes))
    return session.scalars(own.order_by(Run.run_id)).all()


def running(session: Session, opt_run_id: int) -> Run:
    """Return a run that is still running, its row locked for this transaction: the fence of every step's write.

    Raises:
        RunNotRunning: when it has ended.
    """
    fenced = select(Run).where(Run.run_id == opt_run_id).with_for_update().execution_options(populate_existing=True)
    run: Run = locks.locking(session, fenced, f"run {opt_run_id}").scalars().one()
    if run.status != "running":
        raise RunNotRunning(f"run {run.run_code} is {run.status}, not running: {run.error_message or 'nothing to do'}")
    return run


def record_features(session: Session, opt_run_id: int, selected: Sequence[Chosen]) -> None:
    """Record the selected features of a running run; repeating it changes nothing."""
    running(session, opt_run_id)
    for feature in selected:
        row = insert(RunFeature).values(
            run_id=opt_run_id,
            feature_name=feature.name,
            feature_order=feature.order,
            is_anchor=feature.is_anchor,
            signal_score=feature.signal_score,
        )
        session.execute(row.on_conflict_do_nothing())


def record_ad_macros(session: Session, opt_run_id: int, combos: Mapping[str, str]) -> None:
    """Record the macro combos of a running run, by format; a skipped format has no row."""
    running(session, opt_run_id)
    for macro_format, combo in combos.items():
        row = insert(RunFeatureMacro).values(run_id=opt_run_id, macro_combo=combo, macro_format=macro_format)
        session.execute(row.on_conflict_do_nothing(index_elements=["run_id", "macro_format"]))


def record_outputs(
    session: Session,
    opt_run_id: int,
    outputs: Mapping[str, tuple[StoredObject, int]],
    figures: Mapping[str, float | None] | None = None,
) -> None:
    """Record the outputs of a running run, by type (the object and its row count), and the figures that lists show."""
    run = running(session, opt_run_id)
    run.figures = dict(figures) if figures is not None else run.figures
    for output_type, (stored, row_count) in outputs.items():
        row = insert(RunOutput).values(
            run_id=opt_run_id,
            output_type=output_type,
            s3_bucket=stored.bucket,
            s3_key=stored.key,
            row_count=row_count,
            byte_size=stored.byte_size,
            sha256=stored.sha256,
        )
        session.execute(row.on_conflict_do_nothing(index_elements=["run_id", "output_type"]))


def features(session: Session, opt_run_id: int) -> Sequence[RunFeature]:
    """Return a run's features in order."""
    return session.scalars(
        select(RunFeature).where(RunFeature.run_id == opt_run_id).order_by(RunFeature.feature_order)
    ).all()


def outputs(session: Session, opt_run_id: int) -> Sequence[RunOutput]:
    """Return a run's outputs by type."""
    return session.scalars(
        select(RunOutput).where(RunOutput.run_id == opt_run_id).order_by(RunOutput.output_type)
    ).all()


def ad_macros(session: Session, opt_run_id: int) -> Sequence[RunFeatureMacro]:
    """Return a run's macro combos by format."""
    return session.scalars(
        select(RunFeatureMacro).where(RunFeatureMacro.run_id == opt_run_id).order_by(RunFeatureMacro.macro_format)
    ).all()
