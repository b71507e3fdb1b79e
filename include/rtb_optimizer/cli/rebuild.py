"""The commands rebuild and runs export: a run is made again from what was recorded of it, here or elsewhere."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rtb_optimizer.cli import completion, runs, terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.operations.rebuild.export import export
from rtb_optimizer.operations.rebuild.findings import HARMLESS, Kind, RebuildDocument, of_kind
from rtb_optimizer.operations.rebuild.source import source_of

_STYLES = {Kind.SINCE: "dim", Kind.VERSION: "yellow"}


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("rebuild")(rebuild)
    runs.app.command("export")(export_run)


@terminal.log_from(logging.ERROR)
def rebuild(
    run: Annotated[
        str,
        typer.Argument(
            help="Run id or run code, from `runs list`, or a file of `runs export`.", autocompletion=completion.run_ids
        ),
    ],
    at: Annotated[
        list[str] | None,
        typer.Option(help="The logs below the URL OLD are below NEW now; repeatable.", metavar="OLD=NEW"),
    ] = None,
    to: Annotated[
        str,
        typer.Option(help="Leave the rebuilt files below this s3:// prefix; default: they are deleted."),
    ] = "",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to count with; default: as many as then.")] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Rebuild although inputs are gone or changed, and show what is the same.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a run again and compare it byte by byte: identical, or what is gone, changed or of another version, by name.

    Each run leaves a capsule: its configuration, the log objects with ETag and checksum, the rows of the catalog that
    it read, and the release, packages and engine that made it. From that the same steps make the run in a scratch
    catalog and below a scratch prefix; nothing else is written, and bidders see none of it.

    Exit codes: 0 every published file, row and decision is the same; 1 something is not, as named.

    For example: `rtb rebuild 42`. Elsewhere: `rtb runs export 42 run42.zip`, then on the other machine
    `rtb rebuild run42.zip --at s3://old/logs/=s3://new/logs/`.
    """
    from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions
    from rtb_optimizer.operations.rebuild.rebuild import rebuild as rebuilt
    from rtb_optimizer.operations.rebuild.scratch import ScratchOptions

    scratch = ScratchOptions(to, moved_logs(at or []), {"engine_threads": threads} if threads else {}, keep=bool(to))

    def print_step(step: str, count: int) -> None:
        if not as_json:
            terminal.print_progress(f"{step}: {count}")

    done = rebuilt(source_of(run), RebuildOptions(scratch, anyway), print_step)
    if as_json:
        terminal.print_json(done.model_dump(exclude_unset=True))
    else:
        _print(done)
    if not done.identical:
        raise typer.Exit(1)


def moved_logs(arguments: Sequence[str]) -> dict[str, str]:
    """Read OLD=NEW arguments; folders of a URL may hold `=`, as `date=2026-03-10` does."""
    found = [text.rpartition("=s3://") for text in arguments]
    for text, (old, _, new) in zip(arguments, found, strict=True):
        if not old.startswith("s3://") or not new:
            raise typer.BadParameter(f"{text!r} is not OLD=NEW with two s3:// URLs", param_hint="--at")
    return {old: f"s3://{new}" for old, _, new in found}


def export_run(run: runs.RunName, file: Annotated[Path, typer.Argument(help="To write, as run42.zip.")]) -> None:
    """Write a run as one file, to be rebuilt elsewhere: its capsule, its outputs, and those of earlier runs it read.

    The logs are not part of it: they are read where `rebuild --at` says.
    """
    if file.suffix != ".zip":
        raise typer.BadParameter(f"{file} does not end in .zip", param_hint="FILE")
    source = source_of(run)
    if gone := export(source, file):
        raise RunIncomplete(f"{file} lacks {len(gone)} objects that are gone: {', '.join(gone)}")
    console.print(f"{file}: run {source.capsule.run_code}, {file.stat().st_size:,} bytes; its logs are not part of it")


def _print(done: RebuildDocument) -> None:
    same = sum(each.is_same for each in done.files)
    verdict = "identical" if done.identical else "NOT identical" if done.files else "not rebuilt"
    counted = f"{same} of {len(done.files)} files have the same bytes" if done.files else "its inputs have changed"
    console.print(f"run {done.run_code}: {verdict}; {counted}; {done.seconds:.1f} s", style="bold")
    for each in done.files:
        if not each.is_same:
            console.print(f"file      {each.name}: {each.what}", style="bold red")
    harmless = of_kind(done.findings, *HARMLESS)
    for finding in [*(each for each in done.findings if each not in harmless), *harmless]:
        console.print(f"{finding.kind:<8}  {finding.name}: {finding.what}", style=_STYLES.get(finding.kind, "bold red"))
    if not done.files:
        console.print("`--anyway` rebuilds from what there is, and shows which files are the same", style="dim")
    if done.kept_at:
        console.print(f"the rebuilt files are below {done.kept_at}")
