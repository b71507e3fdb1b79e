"""Do a run's macros find its rows? Its combos are proved on the very rows that its table was made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.round_trip import BidTables, drawn_requests, round_trip
from rtb_optimizer.core.macros.route import GAPS, Route
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.run.sample_file import sample_of
from rtb_optimizer.run.workspace import Workspace

TOLD = 3
"""So many misses are named in a warning; the report has more."""


def prove_macros(workspace: Workspace, ad_macros: Mapping[str, Any]) -> dict[str, Any]:
    """Return how look-ups through the macros end, by format: see `round_trip`.

    The routes are read off the `ad_macros` output, as a bidder reads them. A format without a combo is not there.
    """
    formats = {name: told for name, told in ad_macros["formats"].items() if told["combo"] is not None}
    requests = drawn_requests(sample_of(workspace.read("work/sample.arrow")), ad_macros["fields"])
    tables = BidTables(_multipliers(workspace, "segments"), _multipliers(workspace, "joint_segments"))
    return {name: round_trip(requests, Route.of(told["route"]), tables) for name, told in formats.items()}


def proof_warnings(proof: Mapping[str, Any], least: float) -> list[RunWarning]:
    """Warn of each format whose macros are read wrongly for too many exposures, with what misses most."""
    return [
        RunWarning(
            "macro_misses",
            f"{name}: through the macros that it has, {trip['addressable_hit_rate']:.1%} of the exposures find what "
            f"their own values find, {least:.1%} are needed (min_macro_hit_rate); {_worst(trip['misses'])}",
        )
        for name, trip in proof.items()
        if trip["addressable_hit_rate"] < least
    ]


def _worst(misses: Sequence[Mapping[str, Any]]) -> str:
    faults = [miss for miss in misses if miss["cause"] not in GAPS][:TOLD]
    each = [f"{m['value']!r} of {m['feature'] or 'all features'} ({m['cause']})" for m in faults]
    return f"most of it: {', '.join(each)}" if each else "the report's misses say why"


def _multipliers(workspace: Workspace, name: str) -> dict[str, float]:
    table = parquet_table(workspace.read(f"work/{name}.parquet")).select(["segment", "multiplier"])
    segments, multipliers = (column.to_pylist() for column in table.columns)
    return dict(zip(segments, multipliers, strict=True))
