"""Draws where the rows of a sample come from: their files, by a hash that costs next to nothing, and their times."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.hashes import Hashes
from rtb_optimizer.core.sample.sample import Feature, Ints
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.amounts import TEXT_TYPES
from rtb_optimizer.engines.sql.bids import has_times
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, hashed
from rtb_optimizer.engines.sql.table import LogTable, instant_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from (n): their files, whose values are hashes of URLs, and their minutes, or days without.

    `time` are hashes of their times as they are logged; None where these are days, or rows have none.
    """

    file: Feature
    minute: NDArray[np.datetime64]
    time: Hashes | None = None


def urls_by_hash(engine: Engine, table: LogTable) -> dict[str, str]:
    """Return the URLs of the files by the values that `Origin.file` has."""
    statement = f"SELECT {SOURCE_FILE}, {_file_hash(table)} AS file_hash FROM logs GROUP BY {SOURCE_FILE}"
    urls, hashes = engine.query(statement, "names of the files").to_pydict().values()
    return dict(zip(map(str, hashes), urls, strict=True))


def _file_hash(table: LogTable) -> str:
    """Return the hash of a row's file: names of files are long, and rows many."""
    return hashed(table.settings, table.dialect, SOURCE_FILE)


def origin_columns(table: LogTable) -> dict[str, str]:
    """Return a row's file and minute; times that are texts are not parsed once more."""
    s = table.settings
    is_timed = has_times(table) and table.types[s.timestamp_column] not in TEXT_TYPES
    return {"file_hash": _file_hash(table)} | (
        {"row_minute": table.dialect.minute(instant_of(table))} if is_timed else {}
    )


def origin_of(table: LogTable, drawn: "pa.Table", days: NDArray[np.datetime64], time: Hashes, order: Ints) -> Origin:
    """Return the origin of drawn rows in an order.

    Args:
        table: The logs.
        drawn: The rows (n), with `origin_columns`.
        days: The day of each row (n days).
        time: The hash of the time of each row (n).
        order: The positions of the rows (n integers).
    """
    chunks = drawn["file_hash"].dictionary_encode().chunks
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks]) if chunks else np.zeros(0, dtype=np.intp)
    names = tuple(map(str, chunks[0].dictionary.to_pylist())) if chunks else ()
    minute = np.asarray(drawn["row_minute"].to_numpy()) if "row_minute" in drawn.column_names else days
    return Origin(Feature(codes.take(order), names), minute.take(order), time.take(order) if has_times(table) else None)
