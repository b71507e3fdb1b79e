"""What does a file say of its row groups' numbers? The lowest and the highest of each column, from the footer.

They are taken for true, as SQL engines take them, which read by them what they need not look at.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rtb_optimizer.engines.row_identity import literal

if TYPE_CHECKING:
    import pyarrow as pa

Bounds = Mapping[str, tuple[int, int]]
"""Lowest and highest by column, times in microseconds; of whole numbers and times, where every row has one."""

UNITS = ("ms", "us")


def bounded_columns(types: "Mapping[str, pa.DataType]") -> list[str]:
    """Return the columns that have bounds to ask for."""
    import pyarrow as pa

    return [name for name, kind in types.items() if pa.types.is_signed_integer(kind) or pa.types.is_timestamp(kind)]


def bounds_statement(files: str, columns: Collection[str]) -> str:
    """Return DuckDB's statement for the bounds of these columns in each row group of `files`, a list of literals.

    pyarrow would end the process over a footer that is damaged in its statistics.
    """
    lowest, highest = (
        f"COALESCE(TRY_CAST({told} AS BIGINT), epoch_us(TRY_CAST({told} AS TIMESTAMP)))"
        for told in ("stats_min_value", "stats_max_value")
    )
    return (
        f"SELECT file_name, row_group_id, path_in_schema, {lowest} AS lowest, {highest} AS highest "
        f"FROM parquet_metadata([{files}]) WHERE stats_null_count = 0 AND lowest <= highest "
        f"AND path_in_schema IN ({', '.join(map(literal, columns))})"
    )


def within(bounds: tuple[int, int], kind: "pa.DataType", start: datetime, end: datetime) -> bool:
    """Return whether times of that type, bounded so, are surely all in [start, end), which are in whole seconds."""
    import pyarrow as pa

    lowest, highest = bounds
    known = pa.types.is_timestamp(kind) and kind.unit in UNITS
    return known and lowest >= int(start.timestamp()) * 1_000_000 and highest < int(end.timestamp()) * 1_000_000
