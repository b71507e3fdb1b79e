"""Which run does a page show, to whom, and which run is it held against?"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound
from rtb_optimizer.store import activation, runs
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.access import User, require
from rtb_optimizer.web.run.outputs import RunOutputs


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its entity and outputs; `other` is the active run, or what was active before, if this one is."""

    session: Session
    entity: Entity
    run: Run
    outputs: RunOutputs
    other: Run | None

    @property
    def other_outputs(self) -> RunOutputs | None:
        """The outputs of the run that it is held against."""
        return RunOutputs(self.session, self.other) if self.other else None

    def report(self) -> tuple[dict[str, Any], str]:
        """Return the report, and an empty text, or nothing and why it cannot be read."""
        try:
            return dict(self.outputs.document("report")), ""
        except NotFound as problem:
            return {}, str(problem)


def view_of(session: Session, user: User, run_id: str) -> RunView:
    """Return what a reader sees of a run.

    Raises:
        NotFound: when there is no such run.
        HTTPException: 403 when the reader may not see its entity.
    """
    if not (run_id.isascii() and run_id.isdecimal()):
        raise NotFound(f"no run {run_id!r}: a run has a number")
    run = runs.find(session, run_id)
    entity = session.get_one(Entity, run.entity_id)
    require(user, "GET", entity.entity_code)
    other = activation.moved_from(session, entity) if entity.active_run_id == run.run_id else entity.active_run_id
    return RunView(session, entity, run, RunOutputs(session, run), session.get(Run, other) if other else None)


def rows_of(document: Any, name: str) -> list[dict[str, Any]]:  # noqa: ANN401 - whatever an earlier release wrote
    """Return a document's list of that name: those of its items that are objects, none where it is no list."""
    found = document.get(name) if isinstance(document, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def part_of(document: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a document's object of that name; an empty one where it has none."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def unit_of(run: Run) -> str:
    """Return how what a run predicts is spelled: a share where it is events, a number where it is money."""
    return "number" if part_of(run.config_snapshot, "values").get("objective") == "value" else "percent"
