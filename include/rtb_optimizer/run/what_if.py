"""How a what-if run differs from the active run: predicted changes, and what beside the values tried differs, too."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.replay import bids_of, is_bid_on, predicted_changes
from rtb_optimizer.run.groups import group_changes
from rtb_optimizer.store import configs
from rtb_optimizer.store.schema import Run

NOT_ONLY = "the difference is not only by the values tried"


def changes_between_tables(
    sample: Sample, active: PublishedTable, tried: PublishedTable, features: Sequence[str]
) -> dict[str, Any]:
    """Return the predicted changes of a window from the active run's table to this one, in total and by group.

    The sample has the features of both, as far as the logs do; groups are the values of `features`.
    """
    before, after = (bids_of(table, sample) * is_bid_on(table, sample) for table in (active, tried))
    return {
        "predicted_changes": predicted_changes(sample, before, after),
        "groups": group_changes(sample, features, before, after),
    }


def what_if_warnings(session: Session, run: Run) -> list[RunWarning]:
    """Return what a person should know of a what-if run; nothing of any other run."""
    snapshot = RunSnapshot.read(run.config_snapshot)
    if snapshot.what_if is None:
        return []
    active = session.get_one(Run, snapshot.what_if.compared_run_id)
    tried = ", ".join(f"{key}={value}" for key, value in sorted(snapshot.what_if.overrides.items()))
    message = f"compared with run {active.run_code}; tried: {tried or 'the present configuration'}; {NEVER_ACTIVATED}"
    return [
        RunWarning("what_if", message),
        *_other_values(session, active, snapshot),
        *_other_release(active, run, snapshot),
    ]


def _other_values(session: Session, active: Run, snapshot: RunSnapshot) -> Sequence[RunWarning]:
    assert snapshot.what_if is not None  # noqa: S101 - the caller has checked it
    before = {**configs.defaults(session, active.version_id), **RunSnapshot.read(active.config_snapshot).values}
    differing = [
        f"{key} from {before.get(key)!r} to {value!r}"
        for key, value in sorted(snapshot.values.items())
        if key not in snapshot.what_if.overrides and before.get(key) != value
    ]
    if not differing:
        return []
    text = f"{NOT_ONLY}: the configuration differs from that of run {active.run_code} in {', '.join(differing)}"
    return [RunWarning("what_if_config", text)]


def _other_release(active: Run, run: Run, snapshot: RunSnapshot) -> Sequence[RunWarning]:
    before = RunSnapshot.read(active.config_snapshot).code_version
    if before == snapshot.code_version and active.version_id == run.version_id:
        return []
    text = f"{NOT_ONLY}: run {active.run_code} was made by release {before}, this one by {snapshot.code_version}"
    return [RunWarning("what_if_release", text)]
