"""Freezes the configuration with the window into an `opt_runs` row."""

import logging

from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid
from rtb_optimizer.live.row_bids import bid_record
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.store import configs, connections, entities, failures, runs, what_if

log = logging.getLogger(__name__)


def create_run(request: RunRequest) -> int:
    """Freeze the configuration into a run; return its id, the same one when the step runs again.

    A dag run that was started for a what-if run goes on with it, also when it is cleared.

    Raises:
        ConfigInvalid: with every violation; the run is recorded as failed with them.
        WindowInvalid: when the dates are no window: there is nothing that could be recorded.
        EntityInvalid: when the entity is paused or removed.
    """
    with connections.session() as session:
        entity = entities.find(session, request.entity_code)
        if entity.status != "active":
            raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before running it")
        if (what_if_run := what_if.of_attempt(session, entity, request.attempt)) is not None:
            session.commit()
            return what_if_run.run_id
        try:
            resolved = configs.resolve_for(session, entity, request.overrides, form_only=request.form_only)
        except ConfigInvalid as violations:
            run = runs.create(session, entity, request.attempt, request.resolved_window({}), {}, request.triggered_by)
            failures.fail_run(session, run.run_id, f"create_run: ConfigInvalid: {violations}")
            session.commit()
            raise
        window = request.resolved_window(resolved.values)
        bids = bid_record(session, entity, settings_of(resolved.values), window)
        snapshot = configs.frozen(session, entity, resolved, entity.active_run_id, bids.document())
        run = runs.create(session, entity, request.attempt, window, snapshot.document(), request.triggered_by)
        session.commit()
    log.info("run %s (%d), window [%s, %s)", run.run_code, run.run_id, window.start, window.end)
    return run.run_id
