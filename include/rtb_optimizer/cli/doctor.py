"""The command that checks the environment: doctor."""

from typing import Annotated

import typer

from rtb_optimizer.cli import terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.operations.doctor import checks
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding, is_well

_STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "bold red",
    CheckStatus.SKIPPED: "dim",
}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("doctor")(doctor)


def doctor(
    s3_path: Annotated[
        list[str] | None,
        typer.Option(help="Check the rights below this s3:// path, not those of the entities; repeatable."),
    ] = None,
    airflow_url: Annotated[str, typer.Option(help="Airflow's address; default AIRFLOW__API__BASE_URL.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check the environment that runs need, and print a fix for each finding.

    Checked: the connections to the catalog and to S3 with the duration of each, their clocks, the schema, the seeds,
    the rights in S3 (an object is put, read and deleted below `doctor/` of each entity's base path), the counting
    engine and its spill folder, the DAG list, and Airflow where its URL is known. Nothing is repaired.

    Exit codes: 0 no check failed (warnings and skipped checks are no failures); 1 a check failed.
    """
    results = []
    for finding in checks.findings(checks.CheckOptions(tuple(s3_path or ()), airflow_url)):
        results.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        terminal.print_json({"well": is_well(results), "findings": [each.as_json() for each in results]})
    if not is_well(results):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    console.print(f"{finding.status:<8}", style=_STYLES[finding.status], end="")
    duration = "" if finding.milliseconds is None else f"{finding.milliseconds:,.0f} ms"
    console.print(f"{finding.check:<21}{duration:>8}  {finding.summary}")
    if finding.fix:
        console.print(f"{'':8}fix: {finding.fix}")
