"""Turns tables into the bytes of output files: the same tables give the same bytes.

There is no clock, no run id and no float formatting by hand; the table is sorted by its builder, JSON keys are sorted.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtb_optimizer.core.sample.values import segment_key, segment_keys
from rtb_optimizer.core.table.joint import JointTable
from rtb_optimizer.core.table.segments import Segment

if TYPE_CHECKING:
    import pyarrow as pa


def json_bytes(document: object) -> bytes:
    """Return a document as JSON, keys sorted, with a final newline."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def segments_parquet(features: Sequence[str], segments: Sequence[Segment]) -> bytes:
    """Return the master table as Parquet: one row a segment, the default first.

    Columns: `segment` (the key), one column per feature (its value, null for any), exact `rows`, `exposures`,
    `outcomes`, `value`, `cost`, then `expected`, `factor` with its interval, `prior`, `pooled_factor` (what the factor
    shrinks to where other entities know it, null for 1), `events` (outcomes as the model counts them), `tier`,
    `no_bid`, `multiplier`, `bought_at` (the multiplier that would have bought its exposures, all bid alike),
    `is_default`. A cell `*` is the value of that name; in the key it is escaped.
    """
    import pyarrow as pa

    given = [[s.pattern[n] for s in segments] for n in range(len(features))]
    columns: dict[str, Any] = {"segment": segment_keys(given) if features else [""] * len(segments)}
    for feature, values in zip(features, given, strict=True):
        columns[f"feature_{feature}"] = pa.array(values, pa.string())
    columns |= {
        "rows": [s.counts.rows for s in segments],
        "exposures": [s.counts.exposure for s in segments],
        "outcomes": [s.counts.outcome for s in segments],
        "value": [s.counts.value for s in segments],
        "cost": [s.counts.cost for s in segments],
        "expected": [s.expected for s in segments],
        "factor": [s.factor for s in segments],
        "factor_low": [s.factor_low for s in segments],
        "factor_high": [s.factor_high for s in segments],
        "prior": [s.prior for s in segments],
        "pooled_factor": pa.array([s.pooled_factor for s in segments], pa.float64()),
        "events": [s.events for s in segments],
        "tier": [s.tier.value for s in segments],
        "no_bid": [s.no_bid for s in segments],
        "multiplier": [s.multiplier for s in segments],
        "bought_at": [s.bought_at for s in segments],
        "is_default": [s.is_default for s in segments],
    }
    return _parquet(columns)


def joint_parquet(table: JointTable) -> bytes:
    """Return the joint table as Parquet: one row a prefix of values, the default first, then by length and key.

    Columns: `segment` (the key, shorter prefixes ending in `*`), `exposures`, `outcomes` and `expected` as estimated
    on the sample, `rate` per exposure in the measure of the logs, `multiplier`, `is_default`.
    """
    unit, stands_for = table.sample.unit, table.sample.stands_for
    rest = len(table.features)
    rows: list[tuple[Any, ...]] = [(segment_key([None] * rest), None, None, None, table.rate * unit, table.multiplier)]
    for depth, level in enumerate(table.by_depth, start=1):
        padded = segment_keys([*table.columns(depth), *[[None] * len(level.rows)] * (rest - depth)])
        sums = [
            (array * stands_for).tolist() for array in (level.exposure, level.outcome * unit, level.expected * unit)
        ]
        cells = zip(padded, *sums, (level.rate * unit).tolist(), level.multiplier.tolist(), strict=True)
        rows += sorted(cells)
    names = ("segment", "exposures", "outcomes", "expected", "rate", "multiplier")
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return _parquet(columns | {"is_default": [n == 0 for n in range(len(rows))]})


def parquet_table(body: bytes) -> "pa.Table":
    """Return the table that a Parquet file in memory holds.

    By this thread alone: not by `pyarrow.parquet.read_table`, nor with its buffers filled ahead. Other threads may hold
    the Python object past the interpreter's end, and a process that has done its work is then aborted on its way out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(pa.BufferReader(body), pre_buffer=False) as file:
        return file.read(use_threads=False)


def _parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()
