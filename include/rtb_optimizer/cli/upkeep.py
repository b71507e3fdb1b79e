"""Commands that a daily DAG runs by itself, for a person who wants to look or cannot wait: audit, retention."""

import logging
from dataclasses import asdict
from typing import Annotated

import typer

from rtb_optimizer.cli import completion, shown
from rtb_optimizer.cli.shown import AsJson, console
from rtb_optimizer.operations import maintenance
from rtb_optimizer.operations.retention import apply_retention

EntityOrAll = Annotated[
    str,
    typer.Argument(
        help="Entity code; default: all of them.", show_default=False, autocompletion=completion.entity_codes
    ),
]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("audit")(audit)
    root.command("retention")(retention)


def audit(entity_code: EntityOrAll = "", as_json: AsJson = False) -> None:
    """Read back every output of the active runs and hold it against the size and sha256 that were recorded.

    Nothing is changed. A run past its `valid_until` is shown as stale: its readers have fallen back to their default
    bid. That alone is no error, since an entity may be paused.

    Exit codes: 0 every output is what was written; 1 one is gone or changed, each is named: roll back to a run whose
    outputs are there, or run again.
    """
    _quiet()
    found = maintenance.audit(entity_code)
    columns = ("entity_code", "run_id", "run_code", "valid_until", "is_stale", "problems")
    rows = [asdict(each) | {"problems": list(each.problems)} for each in found]
    table = [row | {"problems": len(row["problems"])} for row in rows]
    shown.rows(rows if as_json else table, columns, as_json=as_json, empty="no entity has an active run")
    shown.stale([each.entity_code for each in found if each.is_stale], as_json=as_json)
    maintenance.require_sound(found)


def retention(
    entity_code: EntityOrAll = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete objects of runs that are past their time, as the daily DAG does. Look with --dry-run first.

    Kept whole, however old: the active run, the run that a roll back goes to, and `keep_good_runs` more, those that
    were active last first. Others lose their outputs `keep_days` after their end, failed ones their folder, and so do
    folders that no run has. What steps hand each other (work/, with sampled rows) goes `keep_work_days` after any
    run's end. Rows of runs and decisions stay. `config show ENTITY` shows the keys.

    Exit codes: 0 what is past its time is deleted (or shown); 1 something could not be deleted, each entity is named;
    the others are done, and it is safe to repeat.
    """
    _quiet()
    outcome = apply_retention(entity_code, dry_run=dry_run)
    columns = ("entity_code", "run_code", "what", "objects", "byte_size")
    shown.rows([asdict(each) for each in outcome.deleted], columns, as_json=as_json, empty="nothing is past its time")
    if outcome.deleted and not as_json:
        objects, size = (sum(getattr(each, name) for each in outcome.deleted) for name in ("objects", "byte_size"))
        done = "would be deleted" if dry_run else "deleted"
        console.print(f"{objects:,} objects, {size:,} bytes {done}", style="dim")
    outcome.require_complete()


def _quiet() -> None:
    """What failed is told in one line at the end."""
    logging.getLogger("rtb_optimizer").setLevel(logging.CRITICAL)
