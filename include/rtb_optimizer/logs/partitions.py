"""Lists the log partitions of a window and whether each is complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.formats import PARQUET, Content, is_parquet_by_name
from rtb_optimizer.core.config.logs_path import Folder, filled, folders_of, hours_of
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.logs.completeness import HOURS, is_hidden, missing_markers
from rtb_optimizer.logs.lake.location import require_no_table_above, require_no_table_below
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url


@dataclass(frozen=True, slots=True)
class LogFile(ListedObject):
    """A file of logs; what it holds is known once it was looked into.

    Of a table: the values of columns that its rows share and the file may lack, and the positions of deleted rows.
    """

    content: Content = PARQUET
    values: Mapping[str, str | None] = field(default_factory=dict)
    deleted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """One folder (or file) of logs: its s3:// URL, its day (None without {date}), its files.

    `missing` describes what it lacks to be complete; empty when it is complete. `table` has the columns of a table of a
    lake, of which a partition is a day: its files may hold rows of other days.
    """

    url: str
    day: date | None
    files: tuple[LogFile, ...]
    missing: str
    table: TableColumns | None = None

    @property
    def complete(self) -> bool:
        """Whether the partition can be read."""
        return not self.missing

    def __str__(self) -> str:
        """The partition, and what it lacks."""
        return f"{self.url} ({self.missing})" if self.missing else self.url


def in_window(settings: Settings, window: Window, tz: ZoneInfo) -> list[Partition]:
    """Return the window's partitions in order, each with its present objects; folders are cut at midnights of `tz`.

    Raises:
        LogsInvalid: when the folders are those of a table, of which a listing shows more than its rows.
    """
    store = ObjectStore.of(settings.logs_path)
    require_no_table_above(settings.logs_path)
    return [_partition(store, folder, tz, settings) for folder in folders_of(settings.logs_path, window, tz)]


def expected_urls(settings: Settings, window: Window, tz: ZoneInfo) -> list[str]:
    """Return the URLs of all partitions of the window, present or not."""
    return [folder.url for folder in folders_of(settings.logs_path, window, tz)]


def incomplete(partitions: Sequence[Partition]) -> list[str]:
    """Return the partitions that are not complete, each with what it lacks."""
    return [str(partition) for partition in partitions if not partition.complete]


def _partition(store: ObjectStore, folder: Folder, tz: ZoneInfo, settings: Settings) -> Partition:
    prefix, marker = split_url(folder.url)[1], settings.completion_marker
    below = {_path(entry.key, prefix): entry for entry in store.list(prefix) if _is_below(entry.key, prefix)}
    require_no_table_below(folder.url, below)
    marked = {path.rpartition("/")[0] for path in below if _is_marker(path, marker)}
    data = [path for path, entry in below.items() if _is_data(path, entry, marker)]
    files = sorted((below[path] for path in data), key=lambda entry: entry.key.encode())
    found = tuple(LogFile(each.key, each.byte_size, each.etag, each.modified) for each in files)
    if marker.startswith("s3://"):
        missing = "" if not found or _stands(marker, folder) else f"no {filled(marker, folder)}"
        return Partition(folder.url, folder.day, found, missing if found else "no file")
    # A single file needs no marker: S3 shows it only when complete. A folder may be called x.parquet, too.
    if not found or not marker or "" in data:
        return Partition(folder.url, folder.day, found, "" if found else "no file")
    hours = range(HOURS) if folder.day is None else hours_of(folder.day, tz)
    missing = missing_markers(data, marked, marker, settings.markers_per_day, list(hours))
    return Partition(folder.url, folder.day, found, missing)


def _stands(marker: str, folder: Folder) -> bool:
    """Whether a marker that has a URL of its own is there, as for a data set that is written at once."""
    url = filled(marker, folder)
    return any(entry.key == split_url(url)[1] for entry in ObjectStore.of(url).list(split_url(url)[1]))


def _is_marker(path: str, marker: str) -> bool:
    """Whether a path is that of a marker, in a folder that is none of a writer's own; a marker may be a pattern."""
    folder, _, name = path.rpartition("/")
    return bool(marker) and fnmatchcase(name, marker) and not is_hidden(folder)


def _is_data(path: str, entry: ListedObject, marker: str) -> bool:
    """Whether an object can hold rows: one of another name than a writer's own, and not an empty one of no format."""
    if is_hidden(path) or path.endswith("/") or _is_marker(path, marker):
        return False
    return entry.byte_size > 0 or is_parquet_by_name(entry.key)


def _path(key: str, prefix: str) -> str:
    """Return a key's path below a folder; empty for the folder, or file, itself."""
    return key.removeprefix(prefix).removeprefix("/")


def _is_below(key: str, prefix: str) -> bool:
    """Whether a key is the prefix or below it as a folder: date=2026-11-10 is not below date=2026-11-1."""
    return key == prefix or key.startswith(prefix.rstrip("/") + "/")
