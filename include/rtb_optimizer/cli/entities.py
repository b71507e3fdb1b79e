"""Commands for entities: list, add, pause, resume, remove. Each change is exported to Airflow at once."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from rtb_optimizer.cli import completion, shown
from rtb_optimizer.cli.shown import AsJson, By, console
from rtb_optimizer.store import connections, dag_list, dag_list_export, entities, queries
from rtb_optimizer.store.entities import NewEntity

app = typer.Typer(help="The SSPs and publishers that are optimised.", no_args_is_help=True)
NewCode = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.")]
Code = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.", autocompletion=completion.entity_codes)]


@app.command("list")
def list_entities(as_json: AsJson = False) -> None:
    """List the entities with their active runs, and which of these are stale: past `valid_until`."""
    with connections.session() as session:
        found = queries.entity_rows(session)
    columns = (
        *("entity_code", "object_type", "object_id", "version_code", "status"),
        *("active_run_id", "active_data_end", "valid_until", "is_stale"),
    )
    shown.rows(found, columns, as_json=as_json, empty="no entities yet: `entities add` adds one")
    shown.stale([row["entity_code"] for row in found if row["is_stale"]], as_json=as_json)


@app.command()
def add(  # noqa: PLR0913, PLR0917 - what an entity consists of
    entity_code: NewCode,
    by: By,
    name: Annotated[str, typer.Option(help="Name for people, such as Drugs.com.")],
    object_id: Annotated[int, typer.Option(help="Id of the SSP or publisher in your own systems.")],
    s3_base_path: Annotated[str, typer.Option(help="Where its outputs go, such as s3://bids/optimizer/drugs_com.")],
    object_type: Annotated[str, typer.Option(help="What it is.")] = "ssp",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE override; repeat for more.", autocompletion=completion.assignments),
    ] = None,
) -> None:
    """Add an entity. It needs logs_path, outcome_column and candidate_features: give them with --set."""
    new = NewEntity(entity_code, name, object_id, object_type, s3_base_path, pairs(set_ or []))
    with connections.session() as session:
        entities.add(session, new, by)
        _publish(session)
    console.print(f"added {entity_code}; its DAG appears with the next parse")


@app.command()
def pause(entity_code: Code, by: By) -> None:
    """Pause an entity: its DAG goes, what is active stays active, a running run finishes without activating."""
    _set(entity_code, "paused", by)


@app.command()
def resume(entity_code: Code, by: By) -> None:
    """Bring a paused or removed entity back, with its history."""
    _set(entity_code, "active", by)


@app.command()
def remove(entity_code: Code, by: By) -> None:
    """Remove an entity from the schedule; its rows and outputs stay."""
    _set(entity_code, "retired", by)


def pairs(given: list[str]) -> dict[str, str]:
    """Read KEY=VALUE arguments."""
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not KEY=VALUE")
    return dict(text.split("=", 1) for text in given)


def _set(entity_code: str, status: str, by: str) -> None:
    with connections.session() as session:
        entities.set_status(session, entity_code, status, by)
        _publish(session)
    console.print(f"{entity_code} is {status}")


def _publish(session: Session) -> None:
    """Commit, then tell Airflow: the manifest may lag behind the catalog, never be ahead of it."""
    session.commit()
    dag_list_export.export(session, dag_list.path())
