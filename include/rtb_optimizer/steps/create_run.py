"""Freezes the configuration with the window into an `opt_runs` row."""

import logging

from rtb_optimizer import __version__
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.sample.values import SPELLING_VERSION
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid
from rtb_optimizer.live.row_bids import bid_record
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.store import configs, connections, entities, failures, runs

log = logging.getLogger(__name__)


def create_run(request: RunRequest) -> int:
    """Freeze the configuration into a run; return its id, the same one when the step runs again.

    Raises:
        ConfigInvalid: with every violation; the run is recorded as failed with them.
        WindowInvalid: when the dates are no window: there is nothing that could be recorded.
        EntityInvalid: when the entity is paused or removed.
    """
    with connections.session() as session:
        entity = entities.find(session, request.entity_code)
        if entity.status != "active":
            raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before running it")
        try:
            resolved = configs.resolve_for(session, entity, request.overrides, form_only=request.form_only)
        except ConfigInvalid as violations:
            run = runs.create(session, entity, request.attempt, request.resolved_window({}), {}, request.triggered_by)
            failures.fail_run(session, run.run_id, f"create_run: ConfigInvalid: {violations}")
            session.commit()
            raise
        window = request.resolved_window(resolved.values)
        bids = bid_record(session, entity, settings_of(resolved.values), window)
        snapshot = RunSnapshot(
            values=resolved.values,
            origins=resolved.origins,
            defaults=configs.defaults(session, entity.current_version_id),
            active_run_id=entity.active_run_id,
            code_version=__version__,
            spelling_version=SPELLING_VERSION,
            bids=bids.document(),
        )
        run = runs.create(session, entity, request.attempt, window, snapshot.document(), request.triggered_by)
        session.commit()
    log.info("run %s (%d), window [%s, %s)", run.run_code, run.run_id, window.start, window.end)
    return run.run_id
