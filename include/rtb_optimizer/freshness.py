"""Are a run's logs there yet, and how long may it wait for them?"""

from datetime import datetime, timedelta

from rtb_optimizer.store import connections, logs, runs
from rtb_optimizer.workspace import open_workspace


def missing_partitions(opt_run_id: int) -> list[str]:
    """Return the URLs of the window's partitions that are not complete yet."""
    workspace = open_workspace(opt_run_id)
    return logs.incomplete(logs.partitions(workspace.settings, workspace.window))


def freshness_deadline(opt_run_id: int) -> datetime:
    """Return until when a run waits for its logs."""
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
    return run.started_at + timedelta(minutes=run.config_snapshot["values"]["freshness_timeout_minutes"])
