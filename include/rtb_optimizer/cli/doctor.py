"""The command that looks at the surroundings: doctor."""

from dataclasses import asdict
from typing import Annotated

import typer

from rtb_optimizer.cli import shown
from rtb_optimizer.cli.shown import AsJson, console
from rtb_optimizer.operations.doctor import checks
from rtb_optimizer.operations.doctor.findings import Finding, Standing, is_well

_STYLES = {Standing.OK: "green", Standing.WARNING: "yellow", Standing.FAILED: "bold red", Standing.SKIPPED: "dim"}


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
    """Check what runs stand on, and say of each finding what to do.

    Looked at: the connection to the catalog and to S3 with the time each took, their clocks, the schema, the seeds,
    the rights in S3 (an object is put, read and deleted below `doctor/` of each entity's base path), the counting
    engine and its spill folder, the manifest, and Airflow where its address is known. Nothing is repaired.

    Exit codes: 0 no check failed (warnings and skipped checks are no failures); 1 a check failed.
    """
    found = []
    for finding in checks.findings(checks.Asked(tuple(s3_path or ()), airflow_url)):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        shown.document({"well": is_well(found), "findings": [asdict(each) for each in found]})
    if not is_well(found):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    console.print(f"{finding.standing:<8}", style=_STYLES[finding.standing], end="")
    took = "" if finding.milliseconds is None else f"{finding.milliseconds:,.0f} ms"
    console.print(f"{finding.check:<21}{took:>8}  {finding.told}")
    if finding.fix:
        console.print(f"{'':8}fix: {finding.fix}")
