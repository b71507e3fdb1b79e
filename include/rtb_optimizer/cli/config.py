"""Commands for an entity's configuration: show, set, unset."""

from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.entities import Code, pairs
from rtb_optimizer.cli.terminal import AsJson, By, console
from rtb_optimizer.store import configs, connections, dag_list_export, entities, queries

app = typer.Typer(help="The configuration of an entity: version defaults and its overrides.", no_args_is_help=True)


@app.command()
def show(entity_code: Code, as_json: AsJson = False) -> None:
    """Show every key with its value, where the value comes from, and its limits."""
    with connections.session() as session:
        rows = queries.config_rows(session, entities.find(session, entity_code))
    columns = ("section", "key", "value", "origin", "updated_by", "type", "limits")
    terminal.print_table(rows, columns, as_json=as_json, empty="the version declares no keys")


@app.command("set")
def set_values(
    entity_code: Code,
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Overrides.", autocompletion=completion.assignments)
    ],
    by: By,
) -> None:
    """Override keys. All are validated together, and none is stored when one is invalid."""
    with connections.session() as session:
        configs.set_overrides(session, entities.find(session, entity_code, lock=True), pairs(assignments), by)
        session.commit()
        dag_list_export.export(session)
    console.print(f"{entity_code}: {', '.join(pairs(assignments))} set by {by}; the next run uses it")


@app.command()
def unset(
    entity_code: Code,
    key: Annotated[str, typer.Argument(help="Config key.", autocompletion=completion.overridden_keys)],
    by: By,
) -> None:
    """Remove an override, so that the version's default applies again."""
    with connections.session() as session:
        configs.unset_override(session, entities.find(session, entity_code, lock=True), key, by)
        session.commit()
        dag_list_export.export(session)
    console.print(f"{entity_code}: {key} is reset to the default")


@app.command()
def history(entity_code: Code, as_json: AsJson = False) -> None:
    """Show the changes of keys with their authors, the newest first."""
    with connections.session() as session:
        rows = queries.config_change_rows(session, entities.find(session, entity_code))
    columns = ("changed_at", "changed_by", "key", "old_value", "new_value")
    terminal.print_table(rows, columns, as_json=as_json, empty="no changes yet")
