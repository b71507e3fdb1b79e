"""Lists the log partitions of a window and whether each is complete."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.formats import PARQUET, Content, is_parquet_by_name
from rtb_optimizer.core.config.logs_path import Folder, filled, folders_of, hours_of, shared_by_hours
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.logs.completeness import HOURS, is_hidden, missing_markers
from rtb_optimizer.logs.lake.location import require_no_table_above, require_no_table_below
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url

AFTER_SLASH = chr(ord("/") + 1)


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
    require_no_table_above(settings.logs_path)
    folders = folders_of(settings.logs_path, window, tz)
    below = _objects_below(settings.logs_path, folders)
    standing = _markers_standing(settings.completion_marker, folders)
    return [_partition(folder, below[folder.url], standing, tz, settings) for folder in folders]


def expected_urls(settings: Settings, window: Window, tz: ZoneInfo) -> list[str]:
    """Return the URLs of all partitions of the window, present or not."""
    return [folder.url for folder in folders_of(settings.logs_path, window, tz)]


def incomplete(partitions: Sequence[Partition]) -> list[str]:
    """Return the partitions that are not complete, each with what it lacks."""
    return [str(partition) for partition in partitions if not partition.complete]


def _objects_below(logs_path: str, folders: Sequence[Folder]) -> dict[str, list[ListedObject]]:
    """Return the objects in each folder and below it, by the folder's URL; a folder may also be an object.

    A folder is listed by itself, but the hours of a day together: a week of hours would be 168 requests.
    """
    store = ObjectStore.of(logs_path)
    shared = {folder.url: shared_by_hours(logs_path, folder) or folder.url for folder in folders}
    hours = Counter(shared.values())
    listed = {folder.url: shared[folder.url] if hours[shared[folder.url]] > 1 else folder.url for folder in folders}
    entries = {url: sorted(store.list(split_url(url)[1]), key=_key) for url in dict.fromkeys(listed.values())}
    return {url: _below(entries[of], split_url(url)[1]) for url, of in listed.items()}


def _below(entries: Sequence[ListedObject], prefix: str) -> list[ListedObject]:
    """Return the objects at a key or below it as a folder: date=2026-11-10 is not below date=2026-11-1."""
    folder = prefix.rstrip("/")
    first, end = (bisect_left(entries, folder + after, key=_key) for after in ("/", AFTER_SLASH))
    at = bisect_left(entries, prefix, key=_key)
    itself = [entry for entry in entries[at : at + 1] if entry.key == prefix == folder]
    return [*itself, *entries[first:end]]


def _key(entry: ListedObject) -> str:
    return entry.key


def _partition(
    folder: Folder, objects: Sequence[ListedObject], standing: Collection[str], tz: ZoneInfo, settings: Settings
) -> Partition:
    """Return a folder as a partition: its objects, and the URLs of markers elsewhere that stand."""
    prefix, marker = split_url(folder.url)[1], settings.completion_marker
    below = {_path(entry.key, prefix): entry for entry in objects}
    require_no_table_below(folder.url, below)
    marked = {path.rpartition("/")[0] for path in below if _is_marker(path, marker)}
    data = [path for path, entry in below.items() if _is_data(path, entry, marker)]
    files = sorted((below[path] for path in data), key=lambda entry: entry.key.encode())
    found = tuple(LogFile(each.key, each.byte_size, each.etag, each.modified) for each in files)
    if marker.startswith("s3://"):
        missing = "" if not found or filled(marker, folder) in standing else f"no {filled(marker, folder)}"
        return Partition(folder.url, folder.day, found, missing if found else "no file")
    # A single file needs no marker: S3 shows it only when complete. A folder may be called x.parquet, too.
    if not found or not marker or "" in data:
        return Partition(folder.url, folder.day, found, "" if found else "no file")
    hours = range(HOURS) if folder.day is None else hours_of(folder.day, tz)
    missing = missing_markers(data, marked, marker, settings.markers_per_day, list(hours))
    return Partition(folder.url, folder.day, found, missing)


def _markers_standing(marker: str, folders: Sequence[Folder]) -> Collection[str]:
    """Return the URLs of markers that are there, of those with a URL, as for a data set that is written at once."""
    urls = {filled(marker, folder) for folder in folders} if marker.startswith("s3://") else set()
    return {url for url in urls if _stands(url)}


def _stands(url: str) -> bool:
    return any(entry.key == split_url(url)[1] for entry in ObjectStore.of(url).list(split_url(url)[1]))


def _is_marker(path: str, marker: str) -> bool:
    """Whether a path is that of a marker outside of a writer's own folders; a marker may be a pattern."""
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
