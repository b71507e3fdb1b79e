"""Which log files make up a window, and are they all there?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, dates_of, zone
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url

DATE_FIELD = "{date}"


@dataclass(frozen=True, slots=True)
class Partition:
    """One folder (or file) of logs: its s3:// URL, its day (None without {date}), its Parquet objects.

    `lacks` says what it still needs to be complete, in words.
    """

    url: str
    day: date | None
    files: tuple[ListedObject, ...]
    lacks: str

    @property
    def complete(self) -> bool:
        """Whether it can be read."""
        return not self.lacks


def partitions(settings: Settings, window: Window) -> list[Partition]:
    """Return the window's partitions in order, each with what is there now."""
    store = ObjectStore.of(settings.logs_path)
    urls = [(settings.logs_path.replace(DATE_FIELD, str(day)), day) for day in _days(settings, window)]
    return [_partition(store, url, day, settings.completion_marker) for url, day in urls]


def expected(settings: Settings, window: Window) -> list[str]:
    """Return the URLs of the window's partitions, there or not."""
    return [settings.logs_path.replace(DATE_FIELD, str(day)) for day in _days(settings, window)]


def incomplete(found: Sequence[Partition]) -> list[str]:
    """Return the URLs of the partitions that are not complete."""
    return [partition.url for partition in found if not partition.complete]


def _days(settings: Settings, window: Window) -> Sequence[date | None]:
    return dates_of(window, zone(settings.timezone)) if DATE_FIELD in settings.logs_path else [None]


def _partition(store: ObjectStore, url: str, day: date | None, marker: str) -> Partition:
    prefix = split_url(url)[1]
    listed = [entry for entry in store.list(prefix) if _below(entry.key, prefix)]
    data = (e for e in listed if e.key.endswith(".parquet") and not _hidden(e.key.removeprefix(prefix)))
    files = tuple(sorted(data, key=lambda e: e.key.encode()))
    # A single file needs no marker: S3 shows it only once it is whole. A folder may be called x.parquet, too.
    single = any(entry.key == prefix for entry in files)
    marked = not marker or single or any(e.key.rsplit("/", 1)[-1] == marker for e in listed)
    return Partition(url, day, files, "no Parquet object" if not files else "" if marked else f"no {marker}")


def _hidden(path: str) -> bool:
    """Whether a path is not data by convention: writers keep their own things below `_` and `.` names."""
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _below(key: str, prefix: str) -> bool:
    """Whether a key is the prefix or stands below it as a folder: date=2026-11-1 is no part of date=2026-11-10."""
    return key == prefix or key.startswith(prefix.rstrip("/") + "/")
