"""Commands for what the DAGs of maintenance do: audit, retention, deliveries."""

import logging
from dataclasses import asdict
from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.errors import DeliveryFailed
from rtb_optimizer.operations import maintenance
from rtb_optimizer.operations.retention import apply_retention
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store import deliveries as stored

EntityOrAll = Annotated[
    str,
    typer.Argument(
        help="Entity code; default: all of them.", show_default=False, autocompletion=completion.entity_codes
    ),
]
Code = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.", autocompletion=completion.entity_codes)]
DELIVERY_COLUMNS = (
    *("export", "destination", "connection", "run", "status", "files", "bytes", "tries", "delivered_at", "problem"),
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("audit")(audit)
    root.command("retention")(retention)
    root.command("deliveries")(deliveries)


@terminal.log_from(logging.CRITICAL)  # failures are reported in one line at the end
def audit(entity_code: EntityOrAll = "", as_json: AsJson = False) -> None:
    """Read back every output of the active runs, compare it with the recorded size and sha256, and active.json too.

    Nothing is changed, and removed entities are left out unless named. A run past its `valid_until` is shown as stale:
    its readers fall back to the default bid. That alone is not an error, since an entity may be paused.

    Exit codes: 0 every output is as written; 1 outputs are gone or changed, each is named: roll back to a run whose
    outputs are intact, or run again; or active.json does not match the catalog: what to do is said.
    """
    results = maintenance.audit(entity_code)
    columns = ("entity_code", "run_id", "run_code", "valid_until", "is_stale", "problems")
    rows = [asdict(each) | {"problems": list(each.problems)} for each in results]
    table = [row | {"problems": len(row["problems"]) + bool(row["copy_problem"])} for row in rows]
    terminal.print_table(rows if as_json else table, columns, as_json=as_json, empty="no entity has an active run")
    terminal.print_stale([each.entity_code for each in results if each.is_stale], as_json=as_json)
    maintenance.require_intact(results)


@terminal.log_from(logging.CRITICAL)  # failures are reported in one line at the end
def retention(
    entity_code: EntityOrAll = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the objects of expired runs, as the daily DAG does. Use --dry-run to preview.

    Never expired, at any age: the active run, the run that a roll back goes to, and `keep_good_runs` more, the most
    recently active first. Of other runs the outputs are deleted `keep_days` after their end, as are the folders of
    failed runs and folders without a run. The files between steps (work/, with sampled rows) are deleted
    `keep_work_days` after any run's end. Rows of runs and decisions remain. `config show ENTITY` shows the keys.

    Exit codes: 0 expired objects are deleted (or listed); 1 some could not be deleted, each entity is named; the
    others are done, and it is safe to repeat.
    """
    result = apply_retention(entity_code, dry_run=dry_run)
    columns = ("entity_code", "run_code", "what", "objects", "byte_size")
    terminal.print_table(
        [asdict(each) for each in result.deleted], columns, as_json=as_json, empty="nothing has expired"
    )
    if result.deleted and not as_json:
        objects, size = (sum(getattr(each, name) for each in result.deleted) for name in ("objects", "byte_size"))
        action = "would be deleted" if dry_run else "deleted"
        console.print(f"{objects:,} objects, {size:,} bytes {action}", style="dim")
    result.require_complete()


def deliveries(
    entity_code: Code,
    now: Annotated[
        bool, typer.Option("--now", help="Deliver now, and compare again what was delivered already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show whether the exports of the active run are where `export_deliveries` says.

    `delivered`: copied, read back and the same; `waiting`: there is nothing to deliver yet; `failed`: with the reason,
    and tried again every five minutes by maintenance. With `--now`, exit code 1 if one has failed.
    """
    with connections.session() as session:
        if now:
            stored.deliver(session, entity_code, again=True)
        rows = stored.status(session, entities.find(session, entity_code))
    empty = f"{entity_code} delivers nothing: `rtb config set {entity_code} export_deliveries=...` says what goes where"
    terminal.print_table(rows, DELIVERY_COLUMNS, as_json=as_json, empty=empty)
    failed = [f"{row['export']} to {row['destination']}: {row['problem']}" for row in rows if row["status"] == "failed"]
    if now and failed:
        raise DeliveryFailed("; ".join(failed))
