"""The command that compares: what changed between two runs of an entity, and why."""

from typing import Annotated, Any

import typer

from rtb_optimizer.cli import completion, shown
from rtb_optimizer.cli.entities import Code
from rtb_optimizer.cli.shown import AsJson, console
from rtb_optimizer.store import connections

COLUMNS = ("segment", "kind", "exposures", "before", "after", "data", "model", "config", "normaliser")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("diff")(diff)


def diff(
    entity_code: Code,
    before: Annotated[
        str,
        typer.Argument(help="Run id or run code; default: what was active before.", autocompletion=completion.run_ids),
    ] = "",
    after: Annotated[
        str, typer.Argument(help="Run id or run code; default: the active run.", autocompletion=completion.run_ids)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many rows, those first that move most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: which rows appeared, vanished and moved, and whether data, model or config did it.

    Before and after are a row's multiplier times the default row's. The causes are parts of the change of its log:
    data + model + config + normaliser, which is the default row's, make ln(after / before).
    """
    from rtb_optimizer.outputs.compare import compare

    with connections.session() as session:
        found = compare(session, entity_code, before, after, limit)
    if as_json:
        shown.document(found)
        return
    shown.facts(_summary(found), as_json=False)
    if found["config"]:
        keys = [{"config": key, **values} for key, values in found["config"].items()]
        shown.rows(keys, ("config", "before", "after"), as_json=False, empty="")
    rows = [_readable(row) for row in found["largest"]]
    shown.rows(rows, COLUMNS, as_json=False, empty="no row's own multiplier is another")
    if rows:
        console.print("ln(after / before) = data + model + config + normaliser", style="dim")


def _summary(found: dict[str, Any]) -> dict[str, str]:
    counts = {kind: found[kind] for kind in ("appeared", "vanished", "moved", "stayed")}
    rank = found["rank_correlation"]
    return {
        "before": _run(found["before"]),
        "after": _run(found["after"]),
        "features": _came_and_went(found),
        "rows": f"{found['rows']['before']} -> {found['rows']['after']}: "
        + ", ".join(f"{count} {kind}" for kind, count in counts.items()),
        "default multiplier": " -> ".join(f"{found['default_multiplier'][side]:.4f}" for side in ("before", "after")),
        "mean change": f"{found['mean_log_change']:.4f} of the log, by exposures",
        "rank correlation": "-" if rank is None else f"{rank:.4f}",
    }


def _run(run: dict[str, Any]) -> str:
    return (
        f"run {run['run_id']} {run['run_code']} [{run['data_start']:%Y-%m-%d %H:%M}, {run['data_end']:%Y-%m-%d %H:%M})"
    )


def _came_and_went(found: dict[str, Any]) -> str:
    """Return the changes of features and interactions in one line."""
    features, pairs = found["features"], found["interactions"]
    told = [
        *(f"+{name}" for name in features["added"]),
        *(f"-{name}" for name in features["removed"]),
        *(f"+{' x '.join(names)}" for names in pairs["added"]),
        *(f"-{' x '.join(names)}" for names in pairs["removed"]),
        *([f"reordered: {', '.join(features['before'])} -> {', '.join(features['after'])}"] * features["reordered"]),
    ]
    return ", ".join(told) or "the same"


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    causes = {cause: f"{round(row[cause], 3) + 0.0:+.3f}" for cause in ("data", "model", "config", "normaliser")}
    return {**row, "kind": str(row["kind"]), "exposures": f"{row['exposures']:,.0f}", **causes}
