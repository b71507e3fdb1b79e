"""Proves a run's macro combos on the rows that its table was made of: look-ups through them find what they should."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.round_trip import BidTables, drawn_requests, round_trip
from rtb_optimizer.core.macros.route import GAPS
from rtb_optimizer.outputs.documents.macros import MacrosDocument, MissDocument, RoundTripDocument
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.run.handover import Handover
from rtb_optimizer.run.sample_file import sample_of

NAMED_MISSES = 3
"""So many misses are named in a warning; the report has more."""


def prove_macros(selected: Handover, built: Handover, macros: MacrosDocument) -> dict[str, RoundTripDocument]:
    """Return how look-ups through the macros end, by format; a format without a combo is absent.

    The routes are read off the `ad_macros` output, as a bidder reads them.
    """
    routes = {name: each.route for name, each in macros.formats.items() if each.combo is not None and each.route}
    requests = drawn_requests(sample_of(selected.part("sample.arrow")), macros.fields)
    tables = BidTables(_multipliers(built, "segments"), _multipliers(built, "joint_segments"))
    return {
        name: RoundTripDocument.model_validate(asdict(round_trip(requests, route, tables)))
        for name, route in routes.items()
    }


def proof_warnings(proof: Mapping[str, RoundTripDocument], least: float) -> list[RunWarning]:
    """Warn of each format whose macros are read wrongly for too many exposures, with what misses most."""
    return [
        RunWarning(
            "macro_misses",
            f"{name}: through the macros that it has, {trip.addressable_hit_rate:.1%} of the exposures find what "
            f"their own values find, {least:.1%} are needed (min_macro_hit_rate); {_worst(trip.misses)}",
        )
        for name, trip in proof.items()
        if trip.addressable_hit_rate is not None and trip.addressable_hit_rate < least
    ]


def _worst(misses: Sequence[MissDocument]) -> str:
    faults = [miss for miss in misses if miss.cause not in GAPS][:NAMED_MISSES]
    each = [f"{miss.value!r} of {miss.feature or 'all features'} ({miss.cause})" for miss in faults]
    return f"most of it: {', '.join(each)}" if each else "the report's misses say why"


def _multipliers(built: Handover, name: str) -> dict[str, float]:
    table = parquet_table(built.part(f"{name}.parquet")).select(["segment", "multiplier"])
    segments, multipliers = (column.to_pylist() for column in table.columns)
    return dict(zip(segments, multipliers, strict=True))
