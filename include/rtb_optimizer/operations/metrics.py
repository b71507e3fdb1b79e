"""Sends figures through Airflow's own StatsD or OpenTelemetry, where enabled.

Airflow itself reports the duration of each task. Errors in this module are logged and fail nothing.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.live.realized import live_policy
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.schema import Entity, Run, RunDecision

WHAT_IF = "what_if"  # the tag of a what-if run in place of its decision

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure with its tags: a number is a gauge, a duration a timing, None an event to count."""

    name: str
    value: float | timedelta | None
    tags: dict[str, str]


def send_run(dag_id: str, dag_run_id: str) -> int:
    """Send the figures of a dag run's completed run; return the number sent."""
    try:
        with connections.session() as session:
            return _send(_of_run(session, dag_id, dag_run_id))
    except Exception:
        log.warning("the metrics of %s were not sent", dag_run_id, exc_info=True)
        return 0


def send_active_runs(now: datetime | None = None) -> int:
    """Send the age of every active run; return their number."""
    try:
        with connections.session() as session:
            return _send(_of_active_runs(session, now or datetime.now(UTC)))
    except Exception:
        log.warning("the age of the active runs was not sent", exc_info=True)
        return 0


def _of_run(session: Session, dag_id: str, dag_run_id: str) -> list[Measure]:
    query = (
        select(Run, Entity.entity_code, RunDecision.decision)
        .join(Entity, Entity.entity_id == Run.entity_id)
        .join(RunDecision, RunDecision.run_id == Run.run_id)
        .where(Run.airflow_dag_id == dag_id, Run.airflow_run_id == dag_run_id, Run.challenger_id.is_(None))
        .order_by(Run.clear_number.desc(), RunDecision.decision_number)
        .limit(1)
    )
    row = session.execute(query).first()
    if row is None:
        return []
    run, entity_code, decision = row
    tags, figures = {"entity": entity_code}, run.figures or {}
    numbers = {"rows": figures.get("rows"), "segments": run.total_segments, "warnings": figures.get("warnings")}
    duration = (run.finished_at or run.started_at) - run.started_at  # a run with a decision has ended
    if run.is_sandbox:  # held on purpose, and its gauges are not the entity's
        decision, numbers = WHAT_IF, {}
    return [
        Measure("decisions", None, tags | {"decision": decision}),
        Measure("run.duration", duration, tags | {"decision": decision}),
        *(Measure(f"run.{name}", number, tags) for name, number in numbers.items() if number is not None),
        *_of_live(session, entity_code),
    ]


def _of_live(session: Session, entity_code: str) -> list[Measure]:
    """Return the figures of the active policy's results: how well it predicts, and its lift over the holdback."""
    found = live_policy(session, entities.find(session, entity_code))
    if found is None:
        return []
    figures = {"realized_over_predicted": found.realized_over_predicted, "lift": found.lift.estimate}
    return [
        Measure(f"live.{name}", value, {"entity": entity_code})
        for name, value in figures.items()
        if value is not None and isfinite(value)
    ]


def _of_active_runs(session: Session, now: datetime) -> list[Measure]:
    active = select(Entity.entity_code, Run.data_end).join(Run, Run.run_id == Entity.active_run_id)
    return [
        Measure("active_run.age", (now - data_end).total_seconds(), {"entity": code})
        for code, data_end in session.execute(active.where(Entity.status == "active").order_by(Entity.entity_code))
    ]


def _send(measures: Iterable[Measure]) -> int:
    from airflow.sdk.observability import stats

    sent = 0
    for measure in measures:
        name = f"rtb_optimizer.{measure.name}"
        if measure.value is None:
            stats.incr(name, tags=measure.tags)
        elif isinstance(measure.value, timedelta):
            stats.timing(name, measure.value, tags=measure.tags)
        else:
            stats.gauge(name, measure.value, tags=measure.tags)
        sent += 1
    return sent
