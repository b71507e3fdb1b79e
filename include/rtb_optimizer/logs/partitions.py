"""Lists the log partitions of a window and whether each is complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, dates_of, midnight
from rtb_optimizer.logs.completeness import HOURS, is_hidden, missing_markers
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url

DATE_FIELD = "{date}"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Partition:
    """One folder (or file) of logs: its s3:// URL, its day (None without {date}), its Parquet objects.

    `missing` describes what it lacks to be complete; empty when it is complete.
    """

    url: str
    day: date | None
    files: tuple[ListedObject, ...]
    missing: str

    @property
    def complete(self) -> bool:
        """Whether the partition can be read."""
        return not self.missing

    def __str__(self) -> str:
        """The partition, and what it lacks."""
        return f"{self.url} ({self.missing})" if self.missing else self.url


def in_window(settings: Settings, window: Window, tz: ZoneInfo) -> list[Partition]:
    """Return the window's partitions in order, each with its present objects; folders are cut at midnights of `tz`."""
    store = ObjectStore.of(settings.logs_path)
    return [_partition(store, url, day, tz, settings) for day, url in _urls(settings, window, tz)]


def expected_urls(settings: Settings, window: Window, tz: ZoneInfo) -> list[str]:
    """Return the URLs of all partitions of the window, present or not."""
    return [url for _, url in _urls(settings, window, tz)]


def incomplete(partitions: Sequence[Partition]) -> list[str]:
    """Return the partitions that are not complete, each with what it lacks."""
    return [str(partition) for partition in partitions if not partition.complete]


def _urls(settings: Settings, window: Window, tz: ZoneInfo) -> list[tuple[date | None, str]]:
    if DATE_FIELD not in settings.logs_path:
        return [(None, settings.logs_path)]
    return [(day, settings.logs_path.replace(DATE_FIELD, str(day))) for day in dates_of(window, tz)]


def _partition(store: ObjectStore, url: str, day: date | None, tz: ZoneInfo, settings: Settings) -> Partition:
    prefix, marker = split_url(url)[1], settings.completion_marker
    below = {_path(entry.key, prefix): entry for entry in store.list(prefix) if _is_below(entry.key, prefix)}
    present = {path: entry for path, entry in below.items() if not is_hidden(path.removesuffix(marker))}
    data = [path for path, entry in present.items() if entry.key.endswith(".parquet")]
    files = tuple(sorted((present[path] for path in data), key=lambda entry: entry.key.encode()))
    if not files:
        return Partition(url, day, files, "no Parquet object")
    # A single file needs no marker: S3 shows it only when complete. A folder may be called x.parquet, too.
    if not marker or "" in data:
        return Partition(url, day, files, "")
    marked = {path.rpartition("/")[0] for path in present if path.rpartition("/")[2] == marker}
    return Partition(url, day, files, missing_markers(data, marked, marker, settings.markers_per_day, _hours(day, tz)))


def _hours(day: date | None, tz: ZoneInfo) -> list[int]:
    """Return the hours that a day has on the clock of a zone; a day in spring lacks one."""
    if day is None:
        return list(range(HOURS))
    start, end = midnight(day, tz), midnight(day + timedelta(days=1), tz)
    return sorted({(start + n * HOUR).astimezone(tz).hour for n in range(ceil((end - start) / HOUR))})


def _path(key: str, prefix: str) -> str:
    """Return a key's path below a folder; empty for the folder, or file, itself."""
    return key.removeprefix(prefix).removeprefix("/")


def _is_below(key: str, prefix: str) -> bool:
    """Whether a key is the prefix or below it as a folder: date=2026-11-10 is not below date=2026-11-1."""
    return key == prefix or key.startswith(prefix.rstrip("/") + "/")
