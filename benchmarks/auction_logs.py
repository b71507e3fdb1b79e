"""Writes a world's rows as the Parquet logs of second-price auctions, a file per day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from columns import CANDIDATES, VALUES
from worlds import DAYS, Codes, Floats, World, draw_codes, hours, sigmoid

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 500_000


def write_logs(planted: World, rows: int, folder: Path) -> list[Path]:
    """Write the world's logs, a Parquet file per day; return the files, the last the day to hold out."""
    import pyarrow.parquet as pq

    files = []
    for n, day in enumerate(DAYS):
        files.append(folder / f"date={day}" / "part-0.parquet")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        chunks = _tables(planted, n, rows // len(DAYS))
        first = next(chunks)
        with pq.ParquetWriter(files[-1], first.schema, compression="snappy", store_schema=False) as file:
            file.write_table(first)
            for chunk in chunks:
                file.write_table(chunk)
    return files


def _tables(planted: World, day: int, rows: int) -> Iterator["pa.Table"]:
    """Yield a day's logs in order of time, in chunks, so that memory stays small."""
    edges = [*range(0, rows, CHUNK_ROWS), rows]
    for chunk, (start, end) in enumerate(pairwise(edges)):
        draw = np.random.default_rng([planted.seed, day, 0, chunk])
        at = (start + (end - start) * np.sort(draw.random(end - start))) / rows
        codes = draw_codes(planted, day, at, draw)
        level = planted.intercept + planted.levels[day]
        yield _table(day, at, codes, sigmoid(level + planted.log_odds(codes)), draw)


def _table(day: int, at: Floats, codes: Codes, chance: Floats, draw: np.random.Generator) -> "pa.Table":
    """Return rows as they are logged: time, candidates, a second-price auction, the outcome and its hidden chance."""
    import pyarrow as pa

    n = len(at)
    midnight = int(datetime.combine(DAYS[day], datetime.min.time(), UTC).timestamp() * 1e6)
    time = midnight + (np.interp(at, hours(), np.arange(25)) * 3600e6).astype(np.int64)
    columns: dict[str, pa.Array] = {"ts": pa.array(time, pa.timestamp("us"))}
    for name in CANDIDATES:
        values = _values(name)
        column = pa.array(codes[name].astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(column, values) if len(values) else column
    clicked = draw.random(n) < chance
    price = np.maximum(np.exp(np.log(1.1e-3) + 0.7 * draw.normal(size=n)), 1e-4)
    columns["bid"] = pa.array((price * (1 + draw.exponential(0.6, n))).round(7))
    columns["price"] = pa.array(price.round(7))
    columns["revenue"] = pa.array(np.where(clicked, 0.45 * np.exp(0.6 * draw.normal(size=n)), 0.0).round(5))
    columns["click"] = pa.array(clicked.astype(np.int8))
    columns["p_true"] = pa.array(chance)
    return pa.table(columns)


@cache
def _values(name: str) -> "pa.Array":
    import pyarrow as pa

    return pa.array(_texts(name), pa.string())


def _texts(name: str) -> list[str]:
    """Return the values of a column of text; a column of numbers has none. Deals and apps may be absent."""
    if name in {"internal_adspace_id", "creative", "hour", "weekday", "auction_shard"}:
        return []
    if name == "domain":
        return [f"site-{n:05d}.example.com" for n in range(VALUES[name])]
    if name == "ip_prefix":
        return [f"10.{n >> 8}.{n & 255}.0" for n in range(VALUES[name])]
    absent = [""] if name in {"deal_id", "app_bundle"} else []
    return [*absent, *(f"{name}-{n:04d}" for n in range(len(absent), VALUES[name]))]
