"""The command diff: the changes between two runs of an entity, with their causes."""

from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.entities import Code
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.outputs.documents.changes import ChangeDocument, Comparison, NamedRun
from rtb_optimizer.store import connections

COLUMNS = ("segment", "kind", "exposures", "before", "after", "data", "model", "config", "normaliser")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("diff")(diff)


def diff(
    entity_code: Code,
    before: Annotated[
        str,
        typer.Argument(
            help="Run id or run code; default: the previously active run.", autocompletion=completion.run_ids
        ),
    ] = "",
    after: Annotated[
        str, typer.Argument(help="Run id or run code; default: the active run.", autocompletion=completion.run_ids)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows, the largest changes first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: rows that appeared, vanished and moved, and the part of data, model and config in the change.

    Before and after are a row's multiplier times the default row's. The causes are parts of the change of its log:
    data + model + config + normaliser (that of the default row) = ln(after / before).
    """
    from rtb_optimizer.outputs.compare import compare

    with connections.session() as session:
        comparison = compare(session, entity_code, before, after, limit)
    if as_json:
        terminal.print_json(comparison.model_dump(exclude_unset=True))
        return
    print_comparison(comparison)


def print_comparison(comparison: Comparison) -> None:
    """Print what differs between two runs: a summary, the configuration, and the rows that changed the most."""
    terminal.print_facts(_summary(comparison), as_json=False)
    if comparison.config:
        keys = [
            {"config": key, "before": value.before, "after": value.after} for key, value in comparison.config.items()
        ]
        terminal.print_table(keys, ("config", "before", "after"), as_json=False, empty="")
    rows = [_readable(row) for row in comparison.largest]
    terminal.print_table(rows, COLUMNS, as_json=False, empty="no row's multiplier changed")
    if rows:
        console.print("ln(after / before) = data + model + config + normaliser", style="dim")


def _summary(comparison: Comparison) -> dict[str, str]:
    counts = {
        "appeared": comparison.appeared,
        "vanished": comparison.vanished,
        "moved": comparison.moved,
        "stayed": comparison.stayed,
    }
    rank, level, rows = comparison.rank_correlation, comparison.default_multiplier, comparison.rows
    return {
        "before": _run(comparison.before),
        "after": _run(comparison.after),
        "features": _model_changes(comparison),
        "rows": f"{rows.before} -> {rows.after}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()),
        "default multiplier": f"{level.before:.4f} -> {level.after:.4f}",
        "mean change": f"{comparison.mean_log_change:.4f} of the log, by exposures",
        "rank correlation": "-" if rank is None else f"{rank:.4f}",
    }


def _run(run: NamedRun) -> str:
    return f"run {run.run_id} {run.run_code} [{run.data_start:%Y-%m-%d %H:%M}, {run.data_end:%Y-%m-%d %H:%M})"


def _model_changes(comparison: Comparison) -> str:
    """Return the changes of features and interactions in one line."""
    features, pairs = comparison.features, comparison.interactions
    changes = [
        *(f"+{name}" for name in features.added),
        *(f"-{name}" for name in features.removed),
        *(f"+{' x '.join(names)}" for names in pairs.added),
        *(f"-{' x '.join(names)}" for names in pairs.removed),
        *([f"reordered: {', '.join(features.before)} -> {', '.join(features.after)}"] * features.reordered),
    ]
    return ", ".join(changes) or "the same"


def _readable(row: ChangeDocument) -> dict[str, object]:
    causes = {"data": row.data, "model": row.model, "config": row.config, "normaliser": row.normaliser}
    signed = {name: f"{round(cause or 0.0, 3) + 0.0:+.3f}" for name, cause in causes.items()}
    return {**dict(row), "exposures": f"{row.exposures or 0:,.0f}", **signed}
