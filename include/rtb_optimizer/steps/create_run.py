"""Freezes the configuration with the window into an `opt_runs` row."""

import logging
from dataclasses import replace

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, RtbOptimizerError, WindowInvalid
from rtb_optimizer.live.row_bids import bid_record
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.store import configs, connections, entities, failures, runs, what_if
from rtb_optimizer.store.failures import UNKNOWN_WINDOW
from rtb_optimizer.store.schema import Run
from rtb_optimizer.store.siblings import sibling_runs

log = logging.getLogger(__name__)


def create_run(request: RunRequest) -> int:
    """Freeze the configuration into a run; return its id, the same one when the step runs again.

    A dag run that was started for a what-if run goes on with it, also when it is cleared. A request that is refused is
    recorded as a failed run with the reason.

    Raises:
        ConfigInvalid: with every violation.
        WindowInvalid: when the dates are no window.
        EntityInvalid: when the entity is paused or removed.
        NotFound: when there is no such entity, for which nothing can be recorded.
    """
    try:
        with connections.session() as session:
            run = _created(session, request)
            session.commit()
    except (ConfigInvalid, WindowInvalid, EntityInvalid) as refused:
        _record_refusal(request, refused)
        raise
    log.info("run %s (%d), window [%s, %s)", run.run_code, run.run_id, run.data_start, run.data_end)
    return run.run_id


def _created(session: Session, request: RunRequest) -> Run:
    entity = entities.find(session, request.entity_code)
    if entity.status != "active":
        raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before running it")
    if (what_if_run := what_if.of_attempt(session, entity, request.attempt)) is not None:
        return what_if_run
    resolved = configs.resolve_for(session, entity, request.overrides, form_only=request.form_only)
    window = request.resolved_window(resolved.values)
    bids = bid_record(session, entity, settings_of(resolved.values), window)
    snapshot = configs.frozen(session, entity, resolved, entity.active_run_id, bids.document())
    snapshot = replace(snapshot, siblings=sibling_runs(session, entity, resolved.values))
    return runs.create(session, entity, request.attempt, window, snapshot.document(), request.triggered_by)


def _record_refusal(request: RunRequest, refused: RtbOptimizerError) -> None:
    message = f"create_run: {type(refused).__name__}: {refused}"
    try:
        window = request.resolved_window({})
    except WindowInvalid:
        window = replace(request, window=WindowRequest(request.window.now)).resolved_window({})
        message += UNKNOWN_WINDOW
    with connections.session() as session:
        entity = entities.find(session, request.entity_code)
        run = runs.create(session, entity, request.attempt, window, {}, request.triggered_by)
        failures.fail_run(session, run.run_id, message)
        session.commit()
