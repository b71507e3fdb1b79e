"""Which partitions has their source written anew since an earlier run read them?"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.errors import NotFound, StoreFailed
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Run

LOOKED_AT = 10
"""So many earlier runs are asked at most: each costs the reading of a manifest."""

Inputs = Iterable[Mapping[str, Any]]


def restated(session: Session, opt_run_id: int, partitions: Sequence[str], inputs: Inputs) -> list[RunWarning]:
    """Return a warning for each run whose inputs were not those of now.

    Each partition is held against the last run before this one that read it.

    Args:
        session: The catalog.
        opt_run_id: The run.
        partitions: The URLs of the partitions it has read.
        inputs: Key and etag of the objects it has read.
    """
    run, left, warnings = session.get_one(Run, opt_run_id), set(partitions), []
    for earlier in _overlapping(session, run):
        before = inputs_of(session, earlier)
        known = {url: objects for url in sorted(left) if (objects := _below(url, before))}
        changed = [_told(url, then, now) for url, then in known.items() if then != (now := _below(url, inputs))]
        if changed:
            message = f"inputs changed since run {earlier.run_code}: {'; '.join(changed)}"
            warnings.append(RunWarning("inputs_changed", message))
        left -= known.keys()
        if not left:
            break
    return warnings


def _overlapping(session: Session, run: Run) -> Sequence[Run]:
    earlier = select(Run).where(Run.entity_id == run.entity_id, Run.status == "succeeded", Run.run_id < run.run_id)
    overlapping = earlier.where(Run.data_start < run.data_end, Run.data_end > run.data_start)
    return session.scalars(overlapping.order_by(Run.run_id.desc()).limit(LOOKED_AT)).all()


def inputs_of(session: Session, run: Run) -> Inputs:
    """Return what a run has read, and nothing where its manifest is not kept any more."""
    try:
        found: Inputs = json.loads(published_output(session, run, "manifest"))["inputs"]
    except (NotFound, StoreFailed):
        return ()
    return found


def _below(url: str, inputs: Inputs) -> dict[str, str]:
    prefix = split_url(url)[1]
    return {each["s3_key"]: each["etag"] for each in inputs if each["s3_key"].startswith(prefix)}


def _told(url: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    replaced = [key for key in sorted(then.keys() & now.keys()) if then[key] != now[key]]
    counts = (
        (len(now.keys() - then.keys()), "new"),
        (len(replaced), "replaced"),
        (len(then.keys() - now.keys()), "gone"),
    )
    return f"{url} ({', '.join(f'{n} objects {what}' for n, what in counts if n)})"
