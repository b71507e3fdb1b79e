"""The run that a page shows to a user, and the run that it is compared with."""

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.outputs.documents.macros import MacrosDocument
from rtb_optimizer.outputs.documents.manifest import Manifest
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.store import activation, runs
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.access import User, require
from rtb_optimizer.web.run.outputs import RunOutputs

Output = TypeVar("Output", bound=Document)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its entity and outputs, and the `other` run that it is compared with.

    That is the active run; the previous one if this run is active; for a what-if run, the one that was active.
    """

    session: Session
    entity: Entity
    run: Run
    outputs: RunOutputs
    other: Run | None

    @property
    def other_outputs(self) -> RunOutputs | None:
        """The outputs of the run that it is compared with."""
        return RunOutputs(self.session, self.other) if self.other else None

    def report(self) -> tuple[Report, str]:
        """Return the report and an empty text, or an empty report and the problem of reading it."""
        if self.run.status != "succeeded":
            return Report(), ""
        return self._document("report", Report)

    def macros(self) -> tuple[MacrosDocument, str]:
        """Return the `ad_macros` output, as `report` does."""
        return self._document("ad_macros", MacrosDocument)

    def manifest(self) -> tuple[Manifest | None, str]:
        """Return the `manifest` output and an empty text, or None and the problem of reading it."""
        try:
            return Manifest.read(self.outputs.body("manifest")), ""
        except NotFound as error:
            return None, str(error)
        except ValueError as error:
            return None, f"The output 'manifest' is not as this release reads it: {error}"

    def _document(self, output_type: str, kind: type[Output]) -> tuple[Output, str]:
        try:
            return kind.read(self.outputs.body(output_type)), ""
        except NotFound as error:
            return kind(), str(error)
        except ValueError as error:
            return kind(), f"The output {output_type!r} cannot be read: {error}"


def view_of(session: Session, user: User, run_id: str) -> RunView:
    """Return the view of a run for a user.

    Raises:
        NotFound: when there is no such run.
        HTTPException: 403 when the user may not see its entity.
    """
    if not (run_id.isascii() and run_id.isdecimal()):
        raise NotFound(f"no run {run_id!r}: a run id is a number")
    run = runs.find(session, run_id)
    entity = session.get_one(Entity, run.entity_id)
    require(user, "GET", entity.entity_code)
    other = activation.moved_from(session, entity) if entity.active_run_id == run.run_id else entity.active_run_id
    if run.is_sandbox:
        other = RunSnapshot.read(run.config_snapshot).compared_run_id
    return RunView(session, entity, run, RunOutputs(session, run), session.get(Run, other) if other else None)


def unit_of(run: Run) -> str:
    """Return the format of a run's predictions: a percentage for events, a number for money."""
    return "number" if RunSnapshot.read(run.config_snapshot).values.get("objective") == "value" else "percent"
