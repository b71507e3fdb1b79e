"""What does a file say of its row groups' numbers? The lowest and the highest of each column, from the footer.

They are taken for true, as SQL engines take them, which read by them what they need not look at.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Bounds = Mapping[str, tuple[int, int]]
"""Lowest and highest by column, as they are stored; of columns of whole numbers or times with one in every row."""

WHOLE = ("INT32", "INT64")
IN_A_SECOND = {"ms": 1_000, "us": 1_000_000}


def bounds_of(file: "pq.FileMetaData", types: "Mapping[str, pa.DataType]") -> Iterator[Bounds]:
    """Yield the bounds of columns of these types for each row group of a file."""
    import pyarrow as pa

    told = {name for name, kind in types.items() if pa.types.is_signed_integer(kind) or pa.types.is_timestamp(kind)}
    for n in range(file.num_row_groups):
        group = file.row_group(n)
        chunks = (group.column(m) for m in range(group.num_columns))
        yield {
            chunk.path_in_schema: (chunk.statistics.min_raw, chunk.statistics.max_raw)
            for chunk in chunks
            if chunk.path_in_schema in told and chunk.physical_type in WHOLE and _tells_all(chunk.statistics)
        }


def within(bounds: tuple[int, int], kind: "pa.DataType", start: datetime, end: datetime) -> bool:
    """Return whether times of that type, bounded so, are surely all in [start, end), which are in whole seconds."""
    import pyarrow as pa

    scale = IN_A_SECOND.get(kind.unit) if pa.types.is_timestamp(kind) else None
    if scale is None:
        return False
    lowest, highest = bounds
    return lowest >= int(start.timestamp()) * scale and highest < int(end.timestamp()) * scale


def _tells_all(statistics: "pq.Statistics | None") -> bool:
    return bool(
        statistics is not None and statistics.has_min_max and statistics.has_null_count and statistics.null_count == 0
    )
