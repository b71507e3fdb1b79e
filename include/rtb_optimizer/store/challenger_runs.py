"""The runs of challengers: which nights have one, and how it goes live on the challenger's share of the requests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue, read_value
from rtb_optimizer.core.config.resolve import Origin
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.snapshot import Challenge, RunSnapshot
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.activation import Decision, Verdict
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.store import activation, challengers, configs, failures, runs
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Challenger, Entity, Run, RunDecision


def due(session: Session, main: Run) -> Challenger | None:
    """Return the challenger that gets a run beside the run `main`, None where there is none tonight.

    None beside what-if runs, beside runs with values of their own, while no run is active, and for a window that is
    older than what is live: a backfill makes no challenger's run.
    """
    entity = session.get_one(Entity, main.entity_id)
    challenger = None if main.is_sandbox or main.challenger_id is not None else challengers.open_one(session, entity)
    if challenger is None or entity.status != "active" or entity.active_run_id is None:
        return None
    if Origin.TRIGGER in RunSnapshot.read(main.config_snapshot).origins.values():
        return None
    live = {run_id for run_id in (entity.active_run_id, challenger.run_id) if run_id is not None}
    newest = max((run.data_end for run in runs.by_id(session, live)), default=None)
    return challenger if newest is None or main.data_end >= newest else None


def beside(session: Session, main: Run, challenger: Challenger) -> Run | None:
    """Return the challenger's run beside the run `main`, None before it was created."""
    same = Run.airflow_dag_id == main.airflow_dag_id, Run.airflow_run_id == main.airflow_run_id
    own = Run.clear_number == main.clear_number, Run.challenger_id == challenger.challenger_id
    return session.scalars(select(Run).where(*same, *own)).one_or_none()


def main_of(session: Session, run: Run) -> Run | None:
    """Return the entity's own run beside which a challenger's run was made; None for a run of no challenger."""
    if run.challenger_id is None:
        return None
    same = Run.airflow_dag_id == run.airflow_dag_id, Run.airflow_run_id == run.airflow_run_id
    own = Run.clear_number == run.clear_number, Run.challenger_id.is_(None)
    return session.scalars(select(Run).where(*same, *own)).one_or_none()


def create(session: Session, main: Run, challenger: Challenger) -> Run:
    """Return the challenger's run beside the run `main`: the same window, rows and bids, other values.

    It moves from the challenger's last run, at first from the active one. The caller commits.

    Raises:
        ConfigInvalid: when the overrides do not fit the entity's configuration any more.
    """
    entity = session.get_one(Entity, main.entity_id)
    snapshot = RunSnapshot.read(main.config_snapshot)
    active = entity.active_run_id or main.run_id
    moved_from = challenger.run_id if challenger.run_id is not None else active
    overrides = _typed(session, main, challenger)
    values = {**snapshot.values, **overrides}
    settings_of(values)
    own = replace(
        snapshot,
        values=values,
        origins={**snapshot.origins, **dict.fromkeys(overrides, Origin.TRIGGER)},
        active_run_id=moved_from,
        challenge=Challenge(challenger.challenger_id, challenger.share, active),
        siblings=snapshot.siblings if values.get("warm_start") else (),
    )
    return runs.create(
        session,
        entity,
        Attempt(main.airflow_dag_id, main.airflow_run_id, main.clear_number),
        Window(main.data_start, main.data_end),
        own.document(),
        main.triggered_by,
        challenger_id=challenger.challenger_id,
    )


def _typed(session: Session, main: Run, challenger: Challenger) -> dict[str, ConfigValue]:
    keys = {key.key: key for key in configs.declared_keys(session, main.version_id)}
    unknown = sorted(challenger.overrides.keys() - keys.keys())
    if unknown:
        raise ConfigInvalid([f"{key}: the entity's version does not declare it" for key in unknown])
    return {key: read_value(keys[key], text) for key, text in challenger.overrides.items()}


def complete(session: Session, opt_run_id: int, total_segments: int, gate_failures: Sequence[str]) -> DecisionRecord:
    """End a challenger's run as succeeded, and bid the challenger's share by it if it passes its gates.

    The caller commits.

    Raises:
        RunNotRunning: when the run has failed in the meantime.
    """
    run, entity = activation.locked(session, opt_run_id)
    if run.status == "succeeded":
        return activation.first_decision(session, entity, opt_run_id)
    activation.complete(session, run, total_segments)
    challenger = session.get_one(Challenger, run.challenger_id, populate_existing=True)
    held = [*activation.stood_down_on(session, entity, run), *gate_failures]
    if challenger.ended_at is not None:
        held.insert(0, f"its challenger was {challenger.result} while it ran")
    if entity.status != "active":
        held.insert(0, f"the entity is {entity.status}")
    live = session.get_one(Run, challenger.run_id) if challenger.run_id is not None else None
    if held:
        verdict = Verdict(Decision.HELD, tuple(held))
    elif live is not None and (run.data_end, run.run_id) < (live.data_end, live.run_id):
        verdict = Verdict(Decision.SUPERSEDED, (f"run {live.run_id} of the challenger has newer data",))
    else:
        verdict = Verdict(Decision.CHALLENGING, (f"bids on {challenger.share:.0%} of the requests",))
        challenger.run_id = run.run_id
        session.flush()
    return activation.record(session, entity, run, verdict, run.triggered_by)


def fail_beside(session: Session, main: Run, message: str) -> int:
    """End the challenger's runs beside the run `main` that still run as failed; return how many there were."""
    same = Run.airflow_dag_id == main.airflow_dag_id, Run.airflow_run_id == main.airflow_run_id
    others = session.scalars(select(Run).where(*same, Run.is_challenger, Run.status == "running"))
    return sum(failures.fail_run(session, run.run_id, message) for run in others)


def share_beside(session: Session, run: Run) -> float:
    """Return the share of a challenger that was open when a run of the entity began, 0 where none was."""
    own = select(Challenger).where(Challenger.entity_id == run.entity_id, Challenger.created_at <= run.started_at)
    going_on = own.where(or_(Challenger.ended_at.is_(None), Challenger.ended_at > run.started_at))
    challenger = session.scalars(going_on.order_by(Challenger.challenger_id.desc()).limit(1)).one_or_none()
    return challenger.share if challenger is not None else 0.0


def live_since(session: Session, run: Run) -> datetime | None:
    """Return when a challenger's run went live on its share, None where it did not."""
    own = select(RunDecision.decided_at).where(RunDecision.run_id == run.run_id)
    return session.scalar(own.where(RunDecision.decision == Decision.CHALLENGING).limit(1))
