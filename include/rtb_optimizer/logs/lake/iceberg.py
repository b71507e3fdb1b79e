"""Reads a snapshot of an Iceberg table: files, statistics, deleted rows, names of columns.

The table is opened by a file of its metadata: the one that its catalog names, where it has a name there, else the one
that `version-hint.text` names, else the one with the highest number. Files come through the same store as the logs.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import LogsInvalid, ObjectAbsent
from rtb_optimizer.logs.lake.iceberg_catalog import current_metadata
from rtb_optimizer.logs.lake.iceberg_files import deleted_rows, store_url
from rtb_optimizer.logs.lake.location import LakeFormat
from rtb_optimizer.logs.lake.schema_changes import columns_by_id
from rtb_optimizer.logs.lake.snapshot import LakeFile, Pin, Snapshot
from rtb_optimizer.store.objects import ObjectStore, split_url

INSTALL = "install it by pip install -r requirements-lake.txt"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"(?:v(\d+)|(\d+)-[^/]*?)(?:\.gz)?\.metadata\.json(?:\.gz)?")
_UNITS = {"timestamp": 1, "timestamptz": 1, "timestamp_ns": 1_000, "timestamptz_ns": 1_000}
"""Parts of a microsecond in a unit of the bounds of a time, by its type."""


def last_snapshot(url: str, name: str = "") -> Pin:
    """Return the snapshot of an Iceberg table that is current now.

    Args:
        url: The root of the table.
        name: Its name in the catalog; empty where the files of its metadata are searched.

    Raises:
        LogsInvalid: when pyiceberg is not installed, or the table is of a kind that is not read.
    """
    _require_pyiceberg(url)
    metadata = store_url(current_metadata(name)) if name else _newest_metadata(url)
    table = _opened(url, metadata)
    if name and store_url(table.location()).rstrip("/") + "/" != url:
        raise LogsInvalid(
            f"the table {name} of the catalog lies at {table.location()}, not at {url}: correct iceberg_tables"
        )
    if (current := table.current_snapshot()) is None:
        raise LogsInvalid(f"the Iceberg table {url} has no snapshot: nothing was committed")
    committed = _EPOCH + timedelta(milliseconds=current.timestamp_ms)
    return Pin(LakeFormat.ICEBERG, url, current.snapshot_id, committed, metadata)


@lru_cache(maxsize=4)  # a snapshot does not change, and a step asks for its files several times
def read_iceberg(pin: Pin, time_column: str, window: Window) -> Snapshot:
    """Return what a snapshot of an Iceberg table holds of a window.

    Args:
        pin: The snapshot.
        time_column: The column by whose partitions and statistics files are left out.
        window: The window.

    Raises:
        LogsInvalid: when files are deleted from by values, or are not Parquet, or the snapshot has expired.
    """
    try:
        return _read(pin, time_column, window)
    except ObjectAbsent as problem:
        raise LogsInvalid(
            f"{pin} cannot be read any more: {problem}; it has expired, or the table was replaced: start a new run, "
            "which reads the last snapshot, and keep snapshots longer than a run takes"
        ) from problem


def _read(pin: Pin, time_column: str, window: Window) -> Snapshot:
    table = _opened(pin.url, pin.metadata)
    time = _time_field(table, time_column)
    scan = table.scan(row_filter=_row_filter(time, window), snapshot_id=pin.version, case_sensitive=False)
    try:
        tasks = list(scan.plan_files())
    except (ValueError, NotImplementedError) as problem:
        if "equality deletes" in str(problem):
            raise LogsInvalid(
                f"{pin} has equality deletes, which cannot be honoured here: compact the table (rewrite_data_files of "
                "Spark, OPTIMIZE of Trino and Athena), or write it by copy-on-write"
            ) from problem
        raise LogsInvalid(f"{pin} cannot be read: {' '.join(str(problem).split())}") from problem
    deleted = deleted_rows(pin, {each for task in tasks for each in task.delete_files})
    files = [_file(pin, table, task.file, time, deleted) for task in tasks]
    return Snapshot(pin, files, TableColumns(by_id=columns_by_id(pin, table.metadata.schemas, table.schema())))


def _newest_metadata(url: str) -> str:
    """Return the URL of the file of metadata that is current by the names in the store."""
    store = ObjectStore.of(url)
    folder = f"{split_url(url)[1]}metadata/"
    names = [entry.key.removeprefix(folder) for entry in store.list(folder)]
    numbers = {name: int(found[1] or found[2]) for name in names if (found := _NUMBER.fullmatch(name))}
    try:
        hint = store.read(f"{folder}version-hint.text").decode().strip()
    except ObjectAbsent:
        hint = ""
    if hint and not hint.isdigit():
        return f"{url}metadata/{hint if hint.endswith('.json') else f'{hint}.metadata.json'}"
    if hint:  # of a table without a catalog, whose writers take the next number each
        numbers = {name: number for name, number in numbers.items() if name.startswith("v")}
    last = [name for name, number in numbers.items() if number == max(numbers.values())]
    if len(last) != 1:
        found_are = f"{len(last)} files of the same number, {' and '.join(sorted(last)[:2])}" if last else "none"
        raise LogsInvalid(
            f"the Iceberg table {url} has no one last file of metadata, but {found_are}: a commit broke off; commit "
            f"again, or have {url}metadata/version-hint.text name the current one"
        )
    return f"{url}metadata/{last[0]}"


def _require_pyiceberg(url: str) -> None:
    try:
        import pyiceberg.table  # noqa: F401 - whether it is there
    except ImportError:
        raise LogsInvalid(f"{url} is an Iceberg table, which pyiceberg reads: {INSTALL}") from None


def _opened(url: str, metadata: str) -> Any:  # noqa: ANN401 - pyiceberg is imported late
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.exceptions import ValidationError
    from pyiceberg.serializers import FromInputFile
    from pyiceberg.table import StaticTable

    from rtb_optimizer.logs.lake.iceberg_store import StoredFiles

    io = StoredFiles()
    try:
        described = FromInputFile.table_metadata(io.new_input(metadata))
    except (ValueError, ValidationError, EOFError, OSError) as problem:
        cause = " ".join(str(problem).split())
        raise LogsInvalid(f"the Iceberg table {url} cannot be read by {metadata}: {cause}") from problem
    return StaticTable(("table", url), described, metadata, io, NoopCatalog("store"))


def _time_field(table: Any, name: str) -> Any:  # noqa: ANN401 - as above
    """Return the field of the time column, or None where it has other types than times and dates."""
    try:
        field = table.schema().find_field(name, case_sensitive=False)
    except ValueError:
        return None
    return field if str(field.field_type) in (*_UNITS, "date") else None


def _row_filter(time: Any, window: Window) -> Any:  # noqa: ANN401 - as above
    from pyiceberg.expressions import AlwaysTrue, And, GreaterThanOrEqual, LessThanOrEqual

    if time is None:
        return AlwaysTrue()
    start, end = (at.astimezone(UTC) for at in (window.start, window.end))
    kind = str(time.field_type)
    if kind == "date":  # of whichever clock
        bounds = [f"{at:%Y-%m-%d}" for at in (start - timedelta(days=1), end + timedelta(days=1))]
    else:
        bounds = [f"{at:%Y-%m-%dT%H:%M:%S.%f}{'+00:00' if 'tz' in kind else ''}" for at in (start, end)]
    return And(GreaterThanOrEqual(time.name, bounds[0]), LessThanOrEqual(time.name, bounds[1]))


def _file(
    pin: Pin,
    table: Any,  # noqa: ANN401 - as above
    of_table: Any,  # noqa: ANN401 - as above
    time: Any,  # noqa: ANN401 - as above
    deleted: Mapping[str, Iterable[int]],
) -> LakeFile:
    url = store_url(of_table.file_path)
    if str(getattr(of_table.file_format, "value", of_table.file_format)).upper() != "PARQUET":
        raise LogsInvalid(f"{url} of {pin} is {of_table.file_format}: only Parquet is read of tables")
    bounds = [
        None if time is None or not of_bound else _time(str(time.field_type), of_bound.get(time.field_id), up=up)
        for up, of_bound in enumerate((of_table.lower_bounds, of_table.upper_bounds))
    ]
    earliest, latest = bounds if None not in bounds else (None, None)
    values = _identities(table, of_table)
    return LakeFile(url, of_table.file_size_in_bytes, earliest, latest, values, tuple(sorted(deleted.get(url, ()))))


def _time(kind: str, bound: bytes | None, *, up: int) -> date | None:
    if bound is None:
        return None
    number = int.from_bytes(bound, "little", signed=True)
    try:
        if kind == "date":
            return _EPOCH.date() + timedelta(days=number)
        return _EPOCH + timedelta(microseconds=number // _UNITS[kind] + up)
    except OverflowError:  # a clock that is off by more than years have digits
        return None


def _identities(table: Any, of_table: Any) -> dict[str, str | None]:  # noqa: ANN401 - as above
    """Return the values of the columns by which a file's partition is cut, as they are."""
    spec, schema = table.specs()[of_table.spec_id], table.schema()
    values = dict[str, str | None]()
    for place, field in enumerate(spec.fields):
        name = schema.find_column_name(field.source_id)
        value = of_table.partition[place]
        if str(field.transform) == "identity" and name:
            is_date = str(schema.find_type(field.source_id)) == "date"
            known = _EPOCH.date() + timedelta(days=value) if is_date and isinstance(value, int) else value
            values[name] = None if value is None else str(known)
    return values
