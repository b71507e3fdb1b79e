"""Commands for the catalog as a whole: migrate, seed, export the DAG list, reconcile."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from rtb_optimizer.cli.terminal import AsJson, console, log_from, print_json
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import connections, dag_list, dag_list_export, migrate, retirement, seeds


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("migrate")(move_schema)
    app.command("seed")(seed)
    app.command("manifest")(write_dag_list)
    app.command("reconcile")(reconcile)


def move_schema(
    to: Annotated[str, typer.Option(help="Revision to upgrade to.")] = "head",
    down_to: Annotated[str, typer.Option(help="Downgrade to this revision instead; `base` drops everything.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation before a downgrade.")] = False,
) -> None:
    """Create or migrate the catalog's schema. Safe to repeat, and to run concurrently."""
    engine = connections.catalog()
    if down_to:
        if not yes:
            typer.confirm(f"Downgrading to {down_to} deletes data. Continue?", abort=True)
        migrate.downgrade(engine, down_to)
    else:
        migrate.upgrade(engine, to)
    console.print(f"schema at revision {migrate.current(engine) or 'none'}, newest is {migrate.head()}")


def seed() -> None:
    """Write the optimizer, its version v3 with all config keys, and the macro table. Safe to repeat."""
    with connections.session() as session:
        version_id = seeds.seed(session)
        retired = retirement.retire(session, version_id)
        session.commit()
    for line in retired:
        console.print(line)
    formats = ", ".join(seeds.dialects())
    console.print(f"seeded {seeds.OPT_CODE}, version id {version_id}, macro formats {formats}")


def write_dag_list(
    to: Annotated[
        Path | None, typer.Option(help="File to write; default RTB_MANIFEST, else dags/entities.json.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the DAG list without writing it.")] = False,
) -> None:
    """Export the DAG list for Airflow: one DAG is built per active entity of this file."""
    with connections.session() as session:
        if show:
            print_json(dag_list_export.build(session))
            return
        count = dag_list_export.export(session, to)
    console.print(f"{count} entities in {to or dag_list.path()}")


@log_from(logging.ERROR)  # failures are reported in one line at the end
def reconcile(as_json: AsJson = False) -> None:
    """Bring each entity's active.json into line with the catalog, which is authoritative."""
    repaired = maintenance.reconcile_active_copies()
    if as_json:
        print_json({"repaired": repaired})
    else:
        console.print(f"{repaired} copies written")
