"""Commands for challengers: open one, show its results, promote or drop it."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.entities import Code, pairs
from rtb_optimizer.cli.live import print_challenger
from rtb_optimizer.cli.runs import Reason
from rtb_optimizer.cli.terminal import AsJson, By, console
from rtb_optimizer.live.summary import challenger_summary
from rtb_optimizer.outputs.documents.realized import ChallengerDocument
from rtb_optimizer.store import (
    challengers,
    connections,
    dag_list,
    dag_list_export,
    deliveries,
    entities,
    manual_activation,
)
from rtb_optimizer.store import manual_challenge as stored
from rtb_optimizer.store.manual_challenge import ChallengerEnd

SHARE = 0.1

app = typer.Typer(help="Promote or drop the challenger of an entity.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("challenge")(challenge)
    root.add_typer(app, name="challenger")


def challenge(
    entity_code: Code,
    by: By,
    share: Annotated[float, typer.Option(help="Share of the requests that it bids on, such as 0.1.")] = SHARE,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="KEY=VALUE that differs from the entity's own; repeatable. Without any, the open challenger is shown.",
            autocompletion=completion.assignments,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try other values on a share of the requests, beside the active policy, until one of the two is proven better.

    From the next night on both have a run, made from one reading of the logs. Their results are compared every
    night; the challenger is promoted or dropped automatically, with an interval that holds at every look, or by hand.
    For example: `rtb challenge drugs_com --share 0.1 --set max_features=4`.
    """
    overrides = pairs(set_ or [])
    with connections.session() as session:
        if overrides:
            stored.open_challenger(session, entity_code, share, overrides, by)
        found = _open(session, entity_code)
    if as_json:
        terminal.print_json(found.model_dump())
        return
    if overrides:
        console.print(f"{entity_code} is challenged from the next night on:")
    print_challenger(found)


@app.command()
def promote(entity_code: Code, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Make the challenger's values the entity's own, and its live run the active one, at once."""
    with connections.session() as session:
        found = _open(session, entity_code)
        record = stored.promote(session, ChallengerEnd(entity_code, by, reason))
        dag_list_export.export(session, dag_list.path())
        _ended(found, "promoted", is_copied=manual_activation.refresh_copy(session, entity_code), as_json=as_json)
        deliveries.deliver_after(session, entity_code)
        if not as_json:
            console.print(f"run {record.opt_run_id} is active; undo it by setting the values back and `rtb rollback`")


@app.command()
def drop(entity_code: Code, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """End the challenger: all requests are bid by the active run again, but for those held back."""
    with connections.session() as session:
        found = _open(session, entity_code)
        stored.drop(session, ChallengerEnd(entity_code, by, reason))
        _ended(found, "dropped", is_copied=manual_activation.refresh_copy(session, entity_code), as_json=as_json)


def _open(session: Session, entity_code: str) -> ChallengerDocument:
    entity = entities.find(session, entity_code)
    challengers.find_open(session, entity)
    found = challenger_summary(session, entity)
    assert found is not None  # noqa: S101 - it is open
    return found


def _ended(found: ChallengerDocument, result: str, *, is_copied: bool, as_json: bool) -> None:
    if as_json:
        terminal.print_json({**found.model_dump(), "result": result, "copy_written": is_copied})
        return
    console.print(f"challenger {' '.join(f'{key}={value}' for key, value in found.overrides.items())}: {result}")
    if not is_copied:
        console.print(terminal.COPY_IS_LATE)
