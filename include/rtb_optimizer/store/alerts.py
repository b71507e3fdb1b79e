"""Which alerts were raised, and which of them has nobody heard yet?

An alert is remembered in the transaction that ends or decides its run, once a run and kind: a step that runs again
raises none again, and a process that dies before it has sent one loses none.
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
from rtb_optimizer.store.activation import Decided
from rtb_optimizer.store.runs import CLI_DAG_ID
from rtb_optimizer.store.schema import Entity, Run, RunAlert

DEFAULT_CONNECTION = "rtb_alerts"
NEWS = timedelta(hours=24)
"""What could not be sent for so long is no news any more: it is left untold."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an entity's alerts are to be sent of, and the Airflow connection to send them through."""

    kinds: Sequence[str]
    connection: str


def remember(session: Session, opt_run_id: int, alerts: Iterable[Alert]) -> None:
    """Remember alerts of a run, but for those of a kind that it has raised before."""
    for alert in alerts:
        row = insert(RunAlert).values(run_id=opt_run_id, **asdict(alert))
        session.execute(row.on_conflict_do_nothing(index_elements=["run_id", "kind"]))


def remember_decision(session: Session, run: Run, decided: Decided, warnings: Sequence[RunWarning]) -> None:
    """Remember what a decision on a run raises; who runs the command line reads it there."""
    if run.airflow_dag_id != CLI_DAG_ID:
        remember(session, run.run_id, of_decision(run.run_code, decided.decision, decided.reasons, warnings))


def untold(session: Session, run_ids: Sequence[int] | None = None) -> Sequence[int]:
    """Return the ids of alerts that were not sent, of these runs alone or of all, the oldest first."""
    query = select(RunAlert.id).where(RunAlert.told_at.is_(None), RunAlert.raised_at > func.now() - NEWS)
    if run_ids is not None:
        query = query.where(RunAlert.run_id.in_(run_ids))
    return session.scalars(query.order_by(RunAlert.id)).all()


def lock(session: Session, alert_id: int) -> tuple[RunAlert, Entity] | None:
    """Return an alert that is this transaction's to send, with its entity; None where another has sent or has it."""
    own = select(RunAlert).where(RunAlert.id == alert_id, RunAlert.told_at.is_(None))
    alert = session.scalars(own.with_for_update(skip_locked=True).execution_options(populate_existing=True)).first()
    if alert is None:
        return None
    return alert, session.get_one(Entity, session.get_one(Run, alert.run_id).entity_id)


def asked(session: Session, entity: Entity) -> Asked:
    """Return what is asked for today. Two keys alone are read: a configuration that is not valid is to be told too."""
    kinds = _value(session, entity, "alert_on", list(Kind))
    connection = _value(session, entity, "alert_connection", DEFAULT_CONNECTION)
    return Asked([str(kind) for kind in kinds] if isinstance(kinds, list) else [], str(connection or ""))


def _value(session: Session, entity: Entity, name: str, otherwise: ConfigValue) -> ConfigValue:
    for key in configs.declared_keys(session, entity.current_version_id):
        if key.key == name:
            return read_value(key, configs.overrides(session, entity.entity_id).get(name, key.default))
    return otherwise  # a catalog that was not seeded since the key was declared
