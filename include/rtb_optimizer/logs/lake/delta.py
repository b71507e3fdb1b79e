"""Reads a version of a Delta table: files, partition values, statistics, deletion vectors, names of columns."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.logs.lake.location import LakeFormat
from rtb_optimizer.logs.lake.snapshot import LakeFile, Pin, Snapshot, instant
from rtb_optimizer.store import connections

if TYPE_CHECKING:
    from deltalake import DeltaTable

INSTALL = "install it by pip install -r requirements-lake.txt"
_READ = {
    *("columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"),
    *("typeWidening", "typeWidening-preview"),
}
"""Features of the protocol whose files are read as they are meant."""
_TRUNCATED = timedelta(milliseconds=1)
"""By so much the statistics of some writers are lower than the times: they cut microseconds off."""
_SQL_TYPES = {
    "string": "VARCHAR",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
}
_DRAWN = re.compile(r"\x1b\[\d*m|↳")
"""How deltalake draws the causes of an error for a terminal."""
_PHYSICAL = "delta.columnMapping.physicalName"


def last_version(url: str) -> Pin:
    """Return the version of a Delta table that is committed now.

    Raises:
        LogsInvalid: when deltalake is not installed, or the table is of a kind that is not read.
        StoreFailed: when its log cannot be read.
    """
    table = _opened(url, None)
    return Pin(LakeFormat.DELTA, url, table.version(), _committed(table))


@lru_cache(maxsize=4)  # a version does not change, and a step asks for its files several times
def read_delta(pin: Pin, time_column: str) -> Snapshot:
    """Return what a version of a Delta table holds.

    Args:
        pin: The version.
        time_column: The column whose statistics tell which files a window needs.

    Raises:
        LogsInvalid, StoreFailed: as `last_version`; also when the version has been cleaned up.
    """
    import pyarrow as pa

    table = _opened(pin.url, pin.version)
    _require_read(table, pin)
    fields = table.schema().fields
    physical = {field.name: str((field.metadata or {}).get(_PHYSICAL, field.name)) for field in fields}
    partitioned = table.metadata().partition_columns
    time = next((name for name in physical if name.casefold() == time_column.casefold()), time_column)
    of_time = {f"{end}.{name}" for end in ("min", "max") for name in (time, physical.get(time, time))}
    added = pa.table(table.get_add_actions(flatten=True))
    needed = [n for n in added.column_names if n in of_time | {"path", "size_bytes"} or n.startswith("partition.")]
    actions = added.select(needed).to_pylist()
    deleted = _deleted(table) if "deletionVectors" in (table.protocol().reader_features or ()) else {}
    files = [_file(pin, action, partitioned, physical, time) for action in actions]
    types = {
        field.name: _SQL_TYPES.get(str(field.type.type), "VARCHAR") for field in fields if field.name in partitioned
    }
    stored_as = {name: stored for name, stored in physical.items() if stored != name and name not in partitioned}
    whole = [
        LakeFile(each.url, each.byte_size, each.earliest, each.latest, each.values, deleted.get(each.url, ()))
        for each in files
    ]
    return Snapshot(pin, whole, TableColumns(stored_as, shared=types))


def _opened(url: str, version: int | None) -> "DeltaTable":
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError
    except ImportError:
        raise LogsInvalid(f"{url} is a Delta table, which deltalake reads: {INSTALL}") from None
    try:
        return DeltaTable(url, version, connections.s3_options())
    except (DeltaError, TableNotFoundError, OSError) as problem:
        cause = " ".join(_DRAWN.sub("", str(problem)).split())
        what = f"the Delta table {url}" if version is None else f"version {version} of the Delta table {url}"
        if isinstance(problem, OSError):
            raise StoreFailed(f"{what} cannot be read: {cause}") from problem
        raise LogsInvalid(f"{what} cannot be read: {cause}") from problem


def _committed(table: "DeltaTable") -> datetime:
    """Return when the version was committed; its commit may be in a checkpoint alone."""
    last: list[dict[str, Any]] = table.history(1)
    stamp = last[0].get("timestamp", 0) if last else 0
    return datetime.fromtimestamp(stamp / 1000, UTC)


def _require_read(table: "DeltaTable", pin: Pin) -> None:
    unread = sorted(set(table.protocol().reader_features or ()) - _READ)
    if unread:
        raise LogsInvalid(
            f"{pin} needs its readers to know {', '.join(unread)}, which is not read here: drop the feature, or "
            "deliver the rows as plain files"
        )


def _file(
    pin: Pin, action: Mapping[str, Any], partitioned: Sequence[str], physical: Mapping[str, str], time: str
) -> LakeFile:
    path = unquote(action["path"])
    url = f"{pin.url}{path}" if "://" not in path else path
    values = {name: action.get(f"partition.{name}", action.get(f"partition.{physical[name]}")) for name in partitioned}
    stored = physical.get(time, time)
    bounds = [action.get(f"{end}.{stored}", action.get(f"{end}.{time}")) for end in ("min", "max")]
    if time in values:
        bounds = [values[time]] * 2
    earliest, latest = (_time(bound) for bound in bounds)
    if isinstance(latest, datetime):
        latest += _TRUNCATED
    known = earliest is not None and latest is not None
    texts = {name: None if value is None else str(value) for name, value in values.items()}
    return LakeFile(url, action["size_bytes"], earliest if known else None, latest if known else None, texts)


def _time(bound: object) -> date | None:
    """Return a bound where it is one of times: bounds of text and numbers are not in the order of times."""
    if isinstance(bound, datetime):
        return instant(bound)
    return bound if isinstance(bound, date) else None


def _deleted(table: "DeltaTable") -> dict[str, tuple[int, ...]]:
    """Return the positions of deleted rows, by the URL of their file."""
    import numpy as np
    import pyarrow as pa

    vectors = pa.table(table.deletion_vectors().read_all())
    return {
        unquote(url): tuple(np.flatnonzero(~keep.values.to_numpy(zero_copy_only=False)).tolist())
        for url, keep in zip(vectors["filepath"].to_pylist(), vectors["selection_vector"], strict=True)
    }
