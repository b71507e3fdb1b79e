"""Commands for runs: list, show, run, activate, rollback."""

import logging
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.entities import Code, pairs
from rtb_optimizer.cli.terminal import AsJson, By, console
from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.store import connections, deliveries, manual_activation, queries
from rtb_optimizer.store import runs as stored_runs
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.queries import RunRow
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Entity

app = typer.Typer(help="The runs of the entities.", no_args_is_help=True)
RunName = Annotated[
    str, typer.Argument(help="Run id or run code, from `runs list`.", autocompletion=completion.run_ids)
]
Reason = Annotated[str, typer.Option(help="Why; recorded in the history.")]


def register(root: typer.Typer) -> None:
    """Add the top-level commands for runs."""
    root.command("run")(run)
    root.command("explain")(explain)
    root.command("activate")(activate)
    root.command("rollback")(rollback)


@app.command("list")
def list_runs(
    entity: Annotated[str, typer.Option(help="Only this entity's.", autocompletion=completion.entity_codes)] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first, with the decisions on them; what-if, challengers' and stale active runs are marked."""
    with connections.session() as session:
        rows = queries.run_rows(session, entity or None, limit)
    columns = (
        *("run_id", "entity_code", "data_start", "data_end", "status", "decision"),
        *("is_active", "is_stale", "triggered_by"),
    )
    shown = rows if as_json else [{**row, "decision": _marked(row)} for row in rows]
    terminal.print_table(shown, columns, as_json=as_json, empty="no runs yet: `run ENTITY` starts one")
    terminal.print_stale([row["entity_code"] for row in rows if row["is_stale"]], as_json=as_json)


def _marked(row: RunRow) -> str | None:
    """Return the decision on a run as the list shows it."""
    if row["is_sandbox"]:
        return "what if"
    return f"challenger: {row['decision'] or row['status']}" if row["is_challenger"] else row["decision"]


@app.command()
def show(run: RunName, as_json: AsJson = False) -> None:
    """Show a run: its features, macros, outputs, decisions, configuration, and its error if it failed."""
    with connections.session() as session:
        details = queries.run_details(session, stored_runs.find(session, run))
    terminal.print_facts(details, as_json=as_json)


@terminal.log_from(logging.WARNING)
def run(
    entity_code: Code,
    by: By,
    data_start: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; with --data-end.")] = None,
    data_end: Annotated[str | None, typer.Option(help="Day after the last, YYYY-MM-DD.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for this run only; repeatable.", autocompletion=completion.assignments),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an entity in this process, without Airflow: the same steps, recorded the same way.

    Without dates the window is the last complete days, `lookback_days` of them.
    """
    from rtb_optimizer.run.request import RunRequest
    from rtb_optimizer.steps import in_process

    request = RunRequest(
        entity_code=entity_code,
        attempt=Attempt(CLI_DAG_ID, f"{by}-{uuid.uuid4()}"),
        window=WindowRequest(datetime.now(UTC), data_start, data_end),
        triggered_by=f"manual:{by}",
        overrides=pairs(set_ or []),
    )

    def print_step(step: str, count: int) -> None:
        if not as_json:
            console.print(f"{step}: {count}")

    decision = in_process.run(request, print_step)
    _print_decision(decision, as_json=as_json)


def explain(
    entity_code: Code,
    features: Annotated[
        list[str] | None, typer.Argument(metavar="[FEATURE=VALUE]...", help="The features of the request.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a bid: the rows of the active table that match a request, and the resulting multiplier.

    Also printed: the effect of each feature alone, and the keys looked up in the joint table until one has a row. A
    feature that is not passed counts as missing. Values are written as in the logs.
    """
    from rtb_optimizer.outputs.explain import explain as explained

    with connections.session() as session:
        explanation = explained(session, entity_code, pairs(features or [])).model_dump(exclude_unset=True)
    if as_json:
        terminal.print_json(explanation)
        return
    tables = ("rows", "features", "back_off")
    terminal.print_facts({name: value for name, value in explanation.items() if name not in tables}, as_json=False)
    for name in tables:
        columns = list(explanation[name][0]) if explanation[name] else []
        terminal.print_table(explanation[name], columns, as_json=False, empty="no features: the default row alone")


def activate(run: RunName, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Activate a succeeded run by a manual decision, whatever its gates and window."""
    with connections.session() as session:
        target = stored_runs.find(session, run)
        entity_code = session.get_one(Entity, target.entity_id).entity_code
        decision = manual_activation.activate(session, PointerChange(entity_code, by, reason, target.run_id))
        _print_decision(decision, is_copied=manual_activation.refresh_copy(session, entity_code), as_json=as_json)
        deliveries.deliver_after(session, entity_code)


def rollback(
    entity_code: Code,
    by: By,
    reason: Reason,
    to: Annotated[
        str,
        typer.Option(help="Run to go back to; default: the previously active run.", autocompletion=completion.run_ids),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Move an entity's pointer back to an earlier run."""
    with connections.session() as session:
        target = stored_runs.find(session, to).run_id if to else None
        decision = manual_activation.roll_back(session, PointerChange(entity_code, by, reason, target))
        _print_decision(decision, is_copied=manual_activation.refresh_copy(session, entity_code), as_json=as_json)
        deliveries.deliver_after(session, entity_code)


def _print_decision(record: DecisionRecord, *, is_copied: bool = True, as_json: bool) -> None:
    if as_json:
        terminal.print_json({**asdict(record), "copy_written": is_copied})
        return
    console.print(f"run {record.opt_run_id} of {record.entity_code}: {record.decision}, {'; '.join(record.reasons)}")
    if not is_copied:
        console.print(terminal.COPY_IS_LATE)
