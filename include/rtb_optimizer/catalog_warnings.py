"""What does the catalog know of a run that its logs do not tell? That it was done before, that its entity has moved on.

Neither stops a run: it goes by its snapshot, and doing a run again is allowed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.restated import inputs_of
from rtb_optimizer.store import configs
from rtb_optimizer.store.schema import Entity, Run, Version

LOOKED_AT = 3
"""So many earlier runs of the same window are asked at most: each costs the reading of a manifest."""


def catalog_warnings(session: Session, opt_run_id: int, inputs: Iterable[Mapping[str, Any]]) -> list[RunWarning]:
    """Return the warnings of a run that has read `inputs`, objects by `s3_key` and `etag`."""
    run = session.get_one(Run, opt_run_id)
    return [*_identical(session, run, inputs), *_moved_on(session, run)]


def _identical(session: Session, run: Run, inputs: Iterable[Mapping[str, Any]]) -> list[RunWarning]:
    same = select(Run).where(
        *(Run.entity_id == run.entity_id, Run.version_id == run.version_id, Run.status == "succeeded"),
        *(Run.data_start == run.data_start, Run.data_end == run.data_end, Run.run_id < run.run_id),
    )
    own = _etags(inputs)
    for earlier in session.scalars(same.order_by(Run.run_id.desc()).limit(LOOKED_AT)):
        alike = all(earlier.config_snapshot.get(k) == run.config_snapshot.get(k) for k in ("values", "code_version"))
        if alike and _etags(inputs_of(session, earlier)) == own:
            told = f"identical to run {earlier.run_code} (id {earlier.run_id}): the same window, version, configuration"
            return [RunWarning("identical_run", f"{told} and logs; only the active run that it moved from may differ")]
    return []


def _moved_on(session: Session, run: Run) -> list[RunWarning]:
    """Warn of what was changed for the entity since the run began; what its trigger had set is not asked."""
    session.expire_all()
    entity = session.get_one(Entity, run.entity_id)
    warnings, snapshot = [], run.config_snapshot
    if entity.current_version_id != run.version_id:
        now = session.get_one(Version, entity.current_version_id).version_code
        warnings.append(RunWarning("version_changed", f"the entity moved to version {now}: from its next run on"))
    try:
        values = configs.resolve_for(session, entity).values
    except ConfigInvalid as problem:
        return [*warnings, RunWarning("config_changed", f"the configuration was made invalid meanwhile: {problem}")]
    changed = [
        f"{key} from {value!r} to {values[key]!r}"
        for key, value in sorted(snapshot["values"].items())
        if snapshot["origins"].get(key) != "trigger" and key in values and values[key] != value
    ]
    if changed:
        text = f"changed while the run ran, and used from the next one on: {', '.join(changed)}"
        warnings.append(RunWarning("config_changed", text))
    return warnings


def _etags(inputs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {each["s3_key"]: each["etag"] for each in inputs}
