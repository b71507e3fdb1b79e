"""Stores the alerts that were raised, and returns those that have not been sent.

An alert is stored in the transaction that ends or decides its run, once per run and kind: a step that runs again does
not raise it again, and none is lost when a process dies before sending it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue, read_value
from rtb_optimizer.core.decision.alerts import Alert, Kind, of_decision
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.store import configs
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.runs import CLI_DAG_ID
from rtb_optimizer.store.schema import Entity, Run, RunAlert

DEFAULT_CONNECTION = "rtb_alerts"
DAILY = timedelta(hours=23)  # less than a day: what runs daily at a time is not always punctual
MAX_AGE = timedelta(hours=24)
"""An alert that could not be sent within this time has expired and is not sent."""


@dataclass(frozen=True, slots=True)
class AlertRouting:
    """The kinds of alerts that an entity sends, and the Airflow connection that they are sent through."""

    kinds: Sequence[str]
    connection: str


def record(session: Session, opt_run_id: int, alerts: Iterable[Alert]) -> None:
    """Store alerts of a run, except for kinds that it has already raised."""
    for alert in alerts:
        row = insert(RunAlert).values(run_id=opt_run_id, **asdict(alert))
        session.execute(row.on_conflict_do_nothing(index_elements=["run_id", "kind"]))


def record_daily(session: Session, opt_run_id: int, alert: Alert) -> None:
    """Store an alert of something that lasts: again when its kind was raised for the run more than a day ago."""
    row = insert(RunAlert).values(run_id=opt_run_id, **asdict(alert))
    again = {"raised_at": func.now(), "told_at": None, "problem": None, **asdict(alert)}
    lasting = row.on_conflict_do_update(
        index_elements=["run_id", "kind"], set_=again, where=RunAlert.raised_at < func.now() - DAILY
    )
    session.execute(lasting)


def record_decision(session: Session, run: Run, decision: DecisionRecord, warnings: Sequence[RunWarning]) -> None:
    """Store the alerts of a decision on a run.

    A run of the command line raises none, since its caller sees the result, and a what-if run none: it was held on
    purpose.
    """
    if run.airflow_dag_id != CLI_DAG_ID and not run.is_sandbox:
        record(session, run.run_id, of_decision(run.run_code, decision.decision, decision.reasons, warnings))


def unsent(session: Session, run_ids: Sequence[int] | None = None) -> Sequence[int]:
    """Return the ids of alerts that were not sent, of these runs or of all, the oldest first."""
    query = select(RunAlert.id).where(RunAlert.sent_at.is_(None), RunAlert.raised_at > func.now() - MAX_AGE)
    if run_ids is not None:
        query = query.where(RunAlert.run_id.in_(run_ids))
    return session.scalars(query.order_by(RunAlert.id)).all()


def lock(session: Session, alert_id: int) -> tuple[RunAlert, Entity] | None:
    """Lock an unsent alert and return it with its entity; None when another process has sent or locked it."""
    query = select(RunAlert).where(RunAlert.id == alert_id, RunAlert.sent_at.is_(None))
    alert = session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True)).first()
    if alert is None:
        return None
    return alert, session.get_one(Entity, session.get_one(Run, alert.run_id).entity_id)


def routing(session: Session, entity: Entity) -> AlertRouting:
    """Return the current routing. Only two keys are read, so that an invalid configuration can be reported too."""
    kinds = _value(session, entity, "alert_on", list(Kind))
    connection = _value(session, entity, "alert_connection", DEFAULT_CONNECTION)
    return AlertRouting([str(kind) for kind in kinds] if isinstance(kinds, list) else [], str(connection or ""))


def _value(session: Session, entity: Entity, name: str, default: ConfigValue) -> ConfigValue:
    for key in configs.declared_keys(session, entity.current_version_id):
        if key.key == name:
            return read_value(key, configs.overrides(session, entity.entity_id).get(name, key.default))
    return default  # the catalog was not seeded since the key was declared
