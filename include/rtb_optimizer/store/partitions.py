"""Lists the log partitions of a window and whether each is complete."""

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


def in_window(settings: Settings, window: Window) -> list[Partition]:
    """Return the window's partitions in order, each with its present objects."""
    store = ObjectStore.of(settings.logs_path)
    urls = [(settings.logs_path.replace(DATE_FIELD, str(day)), day) for day in _days(settings, window)]
    return [_partition(store, url, day, settings.completion_marker) for url, day in urls]


def expected_urls(settings: Settings, window: Window) -> list[str]:
    """Return the URLs of all partitions of the window, present or not."""
    return [settings.logs_path.replace(DATE_FIELD, str(day)) for day in _days(settings, window)]


def incomplete_urls(partitions: Sequence[Partition]) -> list[str]:
    """Return the URLs of the partitions that are not complete."""
    return [partition.url for partition in partitions if not partition.complete]


def _days(settings: Settings, window: Window) -> Sequence[date | None]:
    return dates_of(window, zone(settings.timezone)) if DATE_FIELD in settings.logs_path else [None]


def _partition(store: ObjectStore, url: str, day: date | None, marker: str) -> Partition:
    prefix = split_url(url)[1]
    entries = [entry for entry in store.list(prefix) if _is_below(entry.key, prefix)]
    data = (e for e in entries if e.key.endswith(".parquet") and not _is_hidden(e.key.removeprefix(prefix)))
    files = tuple(sorted(data, key=lambda e: e.key.encode()))
    # A single file needs no marker: S3 shows it only when complete. A folder may be called x.parquet, too.
    is_file = any(entry.key == prefix for entry in files)
    is_marked = not marker or is_file or any(e.key.rsplit("/", 1)[-1] == marker for e in entries)
    return Partition(url, day, files, "no Parquet object" if not files else "" if is_marked else f"no {marker}")


def _is_hidden(path: str) -> bool:
    """Whether a path is not data by convention: writers use names with `_` and `.` for their own files."""
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _is_below(key: str, prefix: str) -> bool:
    """Whether a key is the prefix or below it as a folder: date=2026-11-10 is not below date=2026-11-1."""
    return key == prefix or key.startswith(prefix.rstrip("/") + "/")
