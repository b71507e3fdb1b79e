"""Creates what-if runs: sandbox runs over the active run's window, of a configuration that is not saved.

Such a run moves from what the active run moved from, so that with the same values and the same logs it makes the active
run's table again. All that differs is then by the values that were tried.
"""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer import __version__
from rtb_optimizer.core.config.snapshot import RunSnapshot, WhatIf
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.sample.values import SPELLING_VERSION
from rtb_optimizer.errors import EntityInvalid
from rtb_optimizer.store import configs, runs
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Entity, Run


def create(session: Session, entity: Entity, overrides: Mapping[str, str], attempt: Attempt, by: str) -> Run:
    """Return a new what-if run of an entity's present configuration with other values. The caller commits.

    Raises:
        EntityInvalid: when the entity is not active or has no active run, or there is nothing left to move from.
        ConfigInvalid: with every violation, as if the values were saved.
    """
    if entity.status != "active":
        raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before trying other values")
    if entity.active_run_id is None:
        raise EntityInvalid(
            f"{entity.entity_code} has no active run, and a what-if run is compared with it on its window: run the "
            f"entity first, `rtb run {entity.entity_code}`, or wait for tonight's run"
        )
    active = session.get_one(Run, entity.active_run_id)
    before = RunSnapshot.read(active.config_snapshot)
    moved_from = before.active_run_id
    _require_outputs(session, active.run_id, moved_from)
    resolved = configs.resolve_unsaved(session, entity, overrides)
    what_if = WhatIf(dict(overrides), active.run_id)
    siblings = before.siblings if resolved.values.get("warm_start") else ()
    snapshot = configs.frozen(session, entity, resolved, moved_from, before.bids, what_if)
    snapshot = replace(snapshot, siblings=siblings)
    window = Window(active.data_start, active.data_end)
    return runs.create(session, entity, attempt, window, snapshot.document(), f"manual:{by}", is_sandbox=True)


def of_attempt(session: Session, entity: Entity, attempt: Attempt) -> Run | None:
    """Return the what-if run of an attempt, None where its dag run is that of another run. The caller commits.

    A cleared dag run gets a new what-if run of the same values: never a run that could be activated.

    Raises:
        RunNotRunning: as `runs.create`.
    """
    of_dag_run = Run.airflow_dag_id == attempt.dag_id, Run.airflow_run_id == attempt.dag_run_id
    query = select(Run).where(*of_dag_run, Run.is_sandbox).order_by(Run.clear_number.desc()).limit(1)
    last = session.scalars(query).one_or_none()
    if last is None or last.clear_number == attempt.clear_number:
        return last
    snapshot = RunSnapshot.read(last.config_snapshot)
    snapshot = replace(snapshot, code_version=__version__, spelling_version=SPELLING_VERSION)
    window = Window(last.data_start, last.data_end)
    return runs.create(session, entity, attempt, window, snapshot.document(), last.triggered_by, is_sandbox=True)


def _require_outputs(session: Session, active: int, moved_from: int | None) -> None:
    """Raise EntityInvalid when a run that a what-if run reads has no outputs any more."""
    for opt_run_id in (active, moved_from):
        if opt_run_id is not None and not runs.outputs(session, opt_run_id):
            raise EntityInvalid(
                f"the outputs of run {opt_run_id} are gone, without which the table of the active run {active} cannot "
                "be made again: try other values after the next run that is activated"
            )
