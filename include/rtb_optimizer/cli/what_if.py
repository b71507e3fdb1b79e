"""The command what-if: tries other values on the active run's window, and shows what they would change."""

import logging
import uuid
from collections.abc import Mapping
from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.diff import print_comparison
from rtb_optimizer.cli.entities import Code, pairs
from rtb_optimizer.cli.terminal import AsJson, By, console
from rtb_optimizer.outputs.documents.changes import Comparison
from rtb_optimizer.outputs.report_page.formatting import formatted
from rtb_optimizer.outputs.what_if import WhatIfDocument
from rtb_optimizer.store import connections, entities, runs
from rtb_optimizer.store import what_if as stored_what_if
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Entity


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("what-if")(what_if)


@terminal.log_from(logging.WARNING)
def what_if(
    entity_code: Code,
    by: By,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="KEY=VALUE to try; repeatable. Without any, the present configuration is tried.",
            autocompletion=completion.assignments,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows, the largest changes first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Try other values on the active run's window: what they would change in the table, spend and outcomes.

    Nothing is saved, and bidders see none of it: the values make a run of their own, by the same steps on the same
    logs, that is never activated. It moves from what the active run moved from, so that the difference is by the values
    alone; where logs, release or saved values have changed since, the output says so.

    Values are written and validated as for `config set`. For example: `rtb what-if drugs_com --set max_features=4`.
    """
    from rtb_optimizer.steps import in_process

    opt_run_id = _create(entity_code, pairs(set_ or []), by)
    in_process.finish(opt_run_id, lambda step, count: None if as_json else terminal.print_progress(f"{step}: {count}"))
    comparison, tried = _result(opt_run_id, limit)
    if as_json:
        terminal.print_json(
            {**comparison.model_dump(exclude_unset=True), "what_if": tried.model_dump(exclude_unset=True)}
        )
    else:
        _print(comparison, tried)


def _create(entity_code: str, overrides: Mapping[str, str], by: str) -> int:
    with connections.session() as session:
        entity = entities.find(session, entity_code)
        attempt = Attempt(CLI_DAG_ID, f"{by}-{uuid.uuid4()}")
        opt_run_id = stored_what_if.create(session, entity, overrides, attempt, by).run_id
        session.commit()
    return opt_run_id


def _result(opt_run_id: int, limit: int) -> tuple[Comparison, WhatIfDocument]:
    from rtb_optimizer.outputs.compare import compare
    from rtb_optimizer.outputs.what_if import what_if_document

    with connections.session() as session:
        run = runs.find(session, opt_run_id)
        tried = what_if_document(session, run)
        assert tried is not None  # noqa: S101 - the run was created as one
        entity_code = session.get_one(Entity, run.entity_id).entity_code
        return compare(session, entity_code, str(tried.compared_run_id), str(opt_run_id), limit), tried


def _print(comparison: Comparison, tried: WhatIfDocument) -> None:
    print_comparison(comparison)
    console.print()
    failed = [] if tried.verdict.decision == "activate" else tried.verdict.reasons
    facts = {
        "predicted spend": formatted(tried.spend_change, "change"),
        "predicted outcomes": formatted(tried.outcomes_change, "change"),
        "gates": "; ".join(failed) or "all are passed",
        "what-if run": f"{tried.run_code}, never activated",
    }
    terminal.print_facts(facts | ({"save by": tried.save} if tried.save else {}), as_json=False)
    for caveat in tried.caveats:
        console.print(f"{caveat.code}: {caveat.message}", style="bold yellow")
    for warning in tried.warnings:
        console.print(f"{warning.code}: {warning.message}", style="dim")
