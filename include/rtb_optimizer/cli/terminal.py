"""Prints results: as a table for people, as JSON for programs."""

import getpass
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str, typer.Option("--by", help="Your name; recorded.", default_factory=getpass.getuser)]

# No markup: a reason or a path may contain square brackets. No wrapping: piped output keeps one line per row.
console = Console(highlight=False, markup=False, soft_wrap=True)

COPY_IS_LATE = (
    "active.json could not be written: `reconcile` writes it, and so does the maintenance DAG within 5 minutes"
)
"""The message after a decision that is recorded, and whose copy could not be written."""


@contextmanager
def log_from(level: int) -> Iterator[None]:
    """Log nothing below a level while a command runs; the process may go on with other work, as a notebook's does."""
    log = logging.getLogger("rtb_optimizer")
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)


def print_table(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows: these columns as a table, or all fields as JSON. `empty` is the message without rows."""
    listed = list(rows)
    if as_json:
        print_json(listed)
    elif not listed:
        console.print(empty, style="dim")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in listed:
            table.add_row(*(_cell(row[column]) for column in columns))
        # Full width: a terminal wraps whole lines, which can be read and piped, unlike wrapped cells.
        wide = Console(highlight=False, markup=False, width=10_000)
        wide.print(table, width=Measurement.get(wide, wide.options, table).maximum)


def print_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print the fields of one object, a line each, or as JSON."""
    if as_json:
        print_json(facts)
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        console.print(f"{name:<{width}}  ", style="bold", end="")
        console.print(_cell(value))


def print_stale(entity_codes: Sequence[str], *, as_json: bool) -> None:
    """Print the entities with a stale active run below a table, since a column is easily overlooked."""
    if entity_codes and not as_json:
        console.print(f"stale, readers bid the default: {', '.join(entity_codes)}", style="bold red")


def print_progress(text: str) -> None:
    """Print a line on standard error, so that the result alone can be piped."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text, style="dim")


def print_json(value: object) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, indent=2, default=_plain))


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
