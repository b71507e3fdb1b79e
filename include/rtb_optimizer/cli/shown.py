"""How is a read shown? As a table for a person, as JSON for a program."""

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str, typer.Option("--by", help="Who does this; recorded.", default_factory=getpass.getuser)]

# No markup: a reason or a path may hold square brackets. No folding: a line that is piped on is one line.
console = Console(highlight=False, markup=False, soft_wrap=True)


def rows(found: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows: the named columns as a table, or all there is as JSON. `empty` says what to do about none."""
    listed = list(found)
    if as_json:
        document(listed)
    elif not listed:
        console.print(empty, style="dim")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in listed:
            table.add_row(*(_cell(row[column]) for column in columns))
        # As wide as it is: a terminal wraps whole lines, which can be read and piped, cells folded in half can not.
        wide = Console(highlight=False, markup=False, width=10_000)
        wide.print(table, width=Measurement.get(wide, wide.options, table).maximum)


def facts(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing's facts, a line each, or as JSON."""
    if as_json:
        document(found)
        return
    width = max(len(name) for name in found)
    for name, value in found.items():
        console.print(f"{name:<{width}}  ", style="bold", end="")
        console.print(_cell(value))


def stale(entity_codes: Sequence[str], *, as_json: bool) -> None:
    """Say which entities' readers have fallen back to their default, below a table: a column is soon overlooked."""
    if entity_codes and not as_json:
        told = f"past valid_until, readers bid their default: {', '.join(entity_codes)}"
        console.print(told, style="bold red")


def document(found: object) -> None:
    """Print JSON."""
    typer.echo(json.dumps(found, indent=2, default=_plain))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, dict | list):
        return json.dumps(value, default=_plain)
    return str(value)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
