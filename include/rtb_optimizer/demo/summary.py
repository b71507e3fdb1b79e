"""Prints a run of the demonstration: its features, macros, segments and outputs."""

import json

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Run

TOP_SEGMENTS = 3

console = Console(highlight=False, width=120)


def show_entity(session: Session, entity_code: str) -> None:
    """Print the features, macros, segments and outputs of an entity's active run."""
    entity = entities.find(session, entity_code)
    if entity.active_run_id is None:
        console.print(f"[bold red]{entity_code}: no active run[/bold red]")
        return
    run = session.get_one(Run, entity.active_run_id)
    console.rule(f"[bold]{entity.entity_name}[/bold]  {entity_code}, object {entity.object_id}, {entity.object_type}")
    console.print(f"active run {run.run_id}  [bold]{run.run_code}[/bold]  triggered by {run.triggered_by}")
    console.print(f"window [{run.data_start:%F %R}, {run.data_end:%F %R}) UTC".replace("[2", r"\[2", 1))
    _features(session, run)
    _macros(session, run)
    _segments(session, run, ObjectStore.of(entity.s3_base_path))
    _outputs(session, run)


def _features(session: Session, run: Run) -> None:
    table = Table("order", "feature", "signal score", "", box=None, pad_edge=False, header_style="dim")
    for feature in runs.features(session, run.run_id):
        anchor = "anchor" if feature.is_anchor else ""
        table.add_row(str(feature.feature_order), feature.feature_name, f"{feature.signal_score:.5f}", anchor)
    console.print(table)


def _macros(session: Session, run: Run) -> None:
    table = Table("format", "macro combo", box=None, pad_edge=False, header_style="dim")
    for macro in runs.ad_macros(session, run.run_id):
        table.add_row(macro.macro_format, macro.macro_combo.replace("[", r"\["))
    console.print(table)


def _segments(session: Session, run: Run, store: ObjectStore) -> None:
    keys = {output.output_type: output.s3_key for output in runs.outputs(session, run.run_id)}
    report = json.loads(store.read(keys["report"]))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("segment", "exposures", "outcomes", "factor", "multiplier"):
        table.add_column(column, justify="left" if column == "segment" else "right")
    default = next(row for row in parquet_table(store.read(keys["segments"])).to_pylist() if row["is_default"])
    rows = [
        default,
        *report["segments"]["best"][:TOP_SEGMENTS],
        *report["segments"]["worst"][:TOP_SEGMENTS],
    ]
    for row in rows:
        exposures = row["exposures"] if "exposures" in row else row["exposure"]
        outcomes = row["outcomes"] if "outcomes" in row else row["outcome"]
        table.add_row(
            row["segment"], f"{exposures:,.0f}", f"{outcomes:,.0f}", f"{row['factor']:.3f}", f"{row['multiplier']:.3f}"
        )
    console.print(
        f"{run.total_segments} segments: the default, the largest increases, the largest decreases", style="dim"
    )
    console.print(table)


def _outputs(session: Session, run: Run) -> None:
    table = Table("output", "rows", "bytes", box=None, pad_edge=False, header_style="dim")
    table.add_column("key", overflow="fold")
    for output in runs.outputs(session, run.run_id):
        url = f"s3://{output.s3_bucket}/{output.s3_key}"
        table.add_row(output.output_type, f"{output.row_count:,}", f"{output.byte_size:,}", url)
    console.print(table)
