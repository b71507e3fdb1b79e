"""Commands for the catalog as a whole: migrate, seed, manifest, reconcile."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from rtb_optimizer.cli.shown import AsJson, console, document
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store import connections, dag_list, dag_list_export, migrate, seeds


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("migrate")(move_schema)
    app.command("seed")(seed)
    app.command("manifest")(write_manifest)
    app.command("reconcile")(reconcile)


def move_schema(
    to: Annotated[str, typer.Option(help="Revision to move up to.")] = "head",
    down_to: Annotated[str, typer.Option(help="Move down to this revision instead; `base` drops everything.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before moving down.")] = False,
) -> None:
    """Create or move the catalog's schema. Safe to repeat, and for two to start at once."""
    engine = connections.catalog()
    if down_to:
        if not yes:
            typer.confirm(f"Moving down to {down_to} deletes data. Go on?", abort=True)
        migrate.downgrade(engine, down_to)
    else:
        migrate.upgrade(engine, to)
    console.print(f"schema at revision {migrate.current(engine) or 'none'}, newest is {migrate.head()}")


def seed() -> None:
    """Write the optimizer, its version v3 with all config keys, and the macro table. Safe to repeat."""
    with connections.session() as session:
        version_id = seeds.seed(session)
        session.commit()
    console.print(f"seeded {seeds.OPT_CODE}, version id {version_id}, macro formats {', '.join(seeds.dialects())}")


def write_manifest(
    to: Annotated[
        Path | None, typer.Option(help="File to write; default RTB_MANIFEST, else dags/entities.json.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what the catalog would export; write nothing.")] = False,
) -> None:
    """Export the active entities for Airflow: one DAG is built per entity of this file."""
    with connections.session() as session:
        if show:
            document(dag_list_export.build(session))
            return
        count = dag_list_export.export(session, to)
    console.print(f"{count} entities in {to or dag_list.path()}")


def reconcile(as_json: AsJson = False) -> None:
    """Make each entity's active.json say what the catalog says; the catalog is the truth."""
    logging.getLogger("rtb_optimizer").setLevel(logging.ERROR)  # what failed is told in one line at the end
    repaired = maintenance.reconcile_active_copies()
    if as_json:
        document({"repaired": repaired})
    else:
        console.print(f"{repaired} copies had to be written")
