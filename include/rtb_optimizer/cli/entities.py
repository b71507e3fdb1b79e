"""Commands for entities: list, add, pause, resume, remove. Each change is exported to Airflow at once."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.terminal import AsJson, By, console
from rtb_optimizer.store import connections, dag_list, dag_list_export, entities, queries
from rtb_optimizer.store.entities import NewEntity

app = typer.Typer(help="The SSPs and publishers to optimize.", no_args_is_help=True)
NewCode = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.")]
Code = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.", autocompletion=completion.entity_codes)]


@app.command("list")
def list_entities(as_json: AsJson = False) -> None:
    """List the entities with their active runs, and mark stale ones: `valid_until` has passed."""
    with connections.session() as session:
        rows = queries.entity_rows(session)
    columns = (
        *("entity_code", "object_type", "object_id", "version_code", "status"),
        *("active_run_id", "active_data_end", "valid_until", "is_stale"),
    )
    terminal.print_table(rows, columns, as_json=as_json, empty="no entities yet: `entities add` adds one")
    terminal.print_stale([row["entity_code"] for row in rows if row["is_stale"]], as_json=as_json)


@app.command()
def add(  # noqa: PLR0913, PLR0917 - the properties of an entity
    entity_code: NewCode,
    by: By,
    name: Annotated[str, typer.Option(help="Display name, such as Drugs.com.")],
    object_id: Annotated[int, typer.Option(help="Id of the SSP or publisher in your own systems.")],
    s3_base_path: Annotated[str, typer.Option(help="Base path of its outputs, such as s3://bids/optimizer/drugs_com.")],
    object_type: Annotated[str, typer.Option(help="Its type.")] = "ssp",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE override; repeat for more.", autocompletion=completion.assignments),
    ] = None,
) -> None:
    """Add an entity. It needs logs_path, outcome_column and candidate_features: pass them with --set."""
    new = NewEntity(entity_code, name, object_id, object_type, s3_base_path, pairs(set_ or []))
    with connections.session() as session:
        entities.add(session, new, by)
        _publish(session)
    console.print(f"added {entity_code}; its DAG appears with the next parse")


@app.command()
def pause(entity_code: Code, by: By) -> None:
    """Pause an entity: its DAG disappears, its active run stays active, a running run finishes without activation."""
    _set(entity_code, "paused", by)


@app.command()
def resume(entity_code: Code, by: By) -> None:
    """Restore a paused or removed entity, with its history."""
    _set(entity_code, "active", by)


@app.command()
def remove(entity_code: Code, by: By) -> None:
    """Remove an entity from the schedule; its rows and outputs remain."""
    _set(entity_code, "retired", by)


def pairs(arguments: list[str]) -> dict[str, str]:
    """Read KEY=VALUE arguments."""
    invalid = [text for text in arguments if "=" not in text]
    if invalid:
        raise typer.BadParameter(f"{invalid[0]!r} is not KEY=VALUE")
    named = dict(text.split("=", 1) for text in arguments)
    names = [text.split("=", 1)[0] for text in arguments]
    if twice := [name for name in named if names.count(name) > 1]:
        raise typer.BadParameter(f"{', '.join(twice)} is given twice: give one value")
    return named


def _set(entity_code: str, status: str, by: str) -> None:
    with connections.session() as session:
        entities.set_status(session, entity_code, status, by)
        _publish(session)
    console.print(f"{entity_code} is {status}")


def _publish(session: Session) -> None:
    """Commit, then export: the DAG list may lag behind the catalog, never be ahead of it."""
    session.commit()
    dag_list_export.export(session, dag_list.path())
