"""The command that looks at logs before an entity reads them: logs inspect."""

from typing import Annotated

import typer

from rtb_optimizer.cli import terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.core.config.column_facts import ColumnFacts
from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS
from rtb_optimizer.core.config.event_logs import ROLES as EVENT_ROLES
from rtb_optimizer.operations import inspection
from rtb_optimizer.operations.inspected_logs import InspectedLogs
from rtb_optimizer.operations.inspection import Inspection

app = typer.Typer(help="Logs in S3, before an entity reads them.", no_args_is_help=True)
MAX_EXAMPLES, MAX_TEXT = 3, 36
TITLES = {OUTCOMES.name: "outcomes", WINS.name: "wins"}


@app.command()
def inspect(
    url: Annotated[
        str,
        typer.Argument(help="s3:// URL of a folder of logs, a file, or what names of files begin with."),
    ],
    outcomes: Annotated[
        str, typer.Option("--outcomes", help="s3:// URL of events that name the rows by id: clicks, conversions.")
    ] = "",
    wins: Annotated[
        str, typer.Option("--wins", help="s3:// URL of wins that name the rows by id, where these are auctions.")
    ] = "",
    columns: Annotated[
        str,
        typer.Option("--columns", help="Names of the columns in their order, for text without a header: a,b,..."),
    ] = "",
    entity: Annotated[str, typer.Option("--entity", help="Code of the entity in the printed command.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what is there, and print the command that adds an entity for it.

    The layout is found from the names of all objects below the URL; format and columns from files of one of the last
    days, at most 200,000 rows of them, and columns with one value there from a file of each other day. Roles are
    guesses by name and values: look them over before you paste the command.
    Nothing is written.
    """
    found = inspection.inspect(url, outcomes, wins, inspection.column_names(columns))
    code = entity or inspection.entity_code_of(url)
    command = found.add_command(code, inspection.base_path_of(url, code))
    if as_json:
        terminal.print_json(_document(found, command))
        return
    _show("logs", found.logs, found.roles_of_columns)
    for role in EVENT_ROLES:
        if events := found.events.get(role.name):
            _show(TITLES[role.name], events.logs, {name: key for key, name in events.roles.items()})
    for key, evidence in found.roles.evidence.items():
        console.print(f"{key}: {found.roles.columns[key]}, {evidence}")
    for question in found.questions:
        console.print(f"to settle: {question}", style="bold yellow")
    for lack in found.lacks:
        console.print(f"missing: {lack}", style="bold red")
    console.print("\nTo add an entity for them, look this over and paste it:\n", style="bold")
    console.print(command)
    if found.window is not None:
        first, last = found.window
        console.print(f"rtb run {code} --data-start {first} --data-end {last}")


def _show(title: str, logs: InspectedLogs, roles: dict[str, str]) -> None:
    layout = logs.layout
    packed = "" if logs.content.compression == "none" else f", packed by {logs.content.compression}"
    days = f"{layout.days[0]} to {layout.days[-1]}, {len(layout.days)} days" if layout.days else "no dates in the path"
    missing = f", {len(layout.missing_days)} missing, the first {layout.missing_days[0]}" if layout.missing_days else ""
    facts = {
        title: layout.logs_path,
        "format": f"{logs.content.format}{packed}",
        "files": f"{layout.files:,}, {logs.looked_into} of them looked into",
    }
    if logs.snapshot is not None:
        facts |= {"table": str(logs.snapshot)}
    else:
        facts |= {"days": f"{days}{missing}", "marker": layout.marker or "none: any file completes a folder"}
    terminal.print_facts(facts, as_json=False)
    rows = [_row(each, roles.get(each.name, "")) for each in logs.facts]
    console.print()
    terminal.print_table(
        rows, ("column", "type", "missing", "values", "lowest", "highest", "role"), as_json=False, empty="no columns"
    )
    console.print()


def _row(each: ColumnFacts, role: str) -> dict[str, object]:
    examples = ", ".join(each.examples[:MAX_EXAMPLES])
    return {
        "column": each.name,
        "type": each.kind if len(each.kind) <= 24 else f"{each.kind[:21]}...",  # noqa: PLR2004 - a readable table
        "missing": f"{each.missing:.1%}" if each.missing else "",
        "values": f"{each.values:,}",
        "lowest": _cut(examples if each.mean is None and examples else each.lowest),
        "highest": _cut("" if each.mean is None and examples else each.highest),
        "role": role,
    }


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _document(found: Inspection, command: str) -> dict[str, object]:
    return {
        "logs": _logs_document(found.logs),
        **{
            title: _logs_document(found.events[name].logs) if name in found.events else None
            for name, title in TITLES.items()
        },
        "roles": found.roles_of_columns,
        "values": dict(found.values),
        "evidence": dict(found.roles.evidence),
        "questions": list(found.questions),
        "lacks": list(found.lacks),
        "command": command,
        "window": [str(day) for day in found.window] if found.window else None,
    }


def _logs_document(logs: InspectedLogs) -> dict[str, object]:
    layout = logs.layout
    return {
        "logs_path": layout.logs_path,
        "format": logs.content.format,
        "compression": logs.content.compression,
        "files": layout.files,
        "days": [str(day) for day in layout.days],
        "missing_days": [str(day) for day in layout.missing_days],
        "completion_marker": layout.marker,
        "table": str(logs.snapshot) if logs.snapshot is not None else None,
        "folder_keys": list(layout.folder_keys),
        "columns": [
            {
                "name": each.name,
                "type": each.kind,
                "missing_share": each.missing,
                "values": each.values,
                "lowest": each.lowest,
                "highest": each.highest,
                "is_time": each.is_time,
                "is_id": each.is_id,
            }
            for each in logs.facts
        ],
    }
