"""The result of a what-if run: the predicted changes from the active run, the gates, and how to save its values."""

import shlex
from collections.abc import Mapping

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.outputs.documents.document import Document, Number, WarningDocument
from rtb_optimizer.outputs.documents.report import GatesDocument, Report, VerdictDocument
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.store.schema import Entity, Run

CAVEATS = ("inputs_changed", "what_if_config", "what_if_release", "missing_partitions")
"""The codes of warnings by which a difference is not only by the values that were tried."""
DIGITS = 9


class WhatIfDocument(Document):
    """A what-if run: `overrides` as typed, relative `spend_change` and `outcomes_change` from the active run's table.

    The verdict is what would be decided on such a run by its gates. `caveats` are the warnings by which the difference
    is not only by the values tried; `warnings` are the others. `save` is the command that saves the values.
    """

    run_id: int
    run_code: str
    compared_run_id: int
    overrides: Mapping[str, str]
    spend_change: Number | None
    outcomes_change: Number | None
    verdict: VerdictDocument
    gates: GatesDocument
    caveats: tuple[WarningDocument, ...]
    warnings: tuple[WarningDocument, ...]
    save: str | None


def what_if_document(session: Session, run: Run) -> WhatIfDocument | None:
    """Return the result of a succeeded what-if run, None for any other run.

    Raises:
        NotFound: when its report is gone.
    """
    what_if = RunSnapshot.read(run.config_snapshot).what_if
    if what_if is None:
        return None
    report = Report.read(published_output(session, run, "report"))
    warnings, facts = report.warnings or (), report.gates.facts
    return WhatIfDocument(
        run_id=run.run_id,
        run_code=run.run_code,
        compared_run_id=what_if.compared_run_id,
        overrides=what_if.overrides,
        spend_change=_change(facts.get("spend_change")),
        outcomes_change=_change(facts.get("outcomes_change")),
        verdict=report.verdict,
        gates=report.gates,
        caveats=tuple(each for each in warnings if each.code in CAVEATS),
        warnings=tuple(each for each in warnings if each.code not in (*CAVEATS, "what_if")),
        save=save_command(session.get_one(Entity, run.entity_id).entity_code, what_if.overrides),
    )


def _change(value: float | None) -> float | None:
    """Return a relative change without the rounding errors of its sums: no change is 0."""
    return None if value is None else round(value, DIGITS)


def save_command(entity_code: str, overrides: Mapping[str, str]) -> str | None:
    """Return the command that saves overrides, None where there are none."""
    pairs = [f"{key}={value}" for key, value in overrides.items()]
    return shlex.join(["rtb", "config", "set", entity_code, *pairs]) if pairs else None


def what_if_command(entity_code: str, overrides: Mapping[str, str]) -> str:
    """Return the command that tries overrides."""
    options = [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]
    return shlex.join(["rtb", "what-if", entity_code, *options])
