"""The days of a window as partitions of a table's snapshot.

A snapshot is complete by itself: no marker is looked for. A day has come when a file of the snapshot is of it.
"""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.window import Window, dates_of
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.lake.snapshot import LakeFile, Snapshot, is_of, may_hold
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url


def url_of_day(root: str, day: date) -> str:
    """Return the name of a day of a table, which has no URL of its own."""
    return f"{root}#{day}"


def expected_days(root: str, window: Window, tz: ZoneInfo) -> list[str]:
    """Return the names of the days of a window."""
    return [url_of_day(root, day) for day in dates_of(window, tz)]


def partitions_of(snapshot: Snapshot, window: Window, tz: ZoneInfo) -> list[Partition]:
    """Return the days of a window in order, each with the files that can hold its rows.

    Raises:
        LogsInvalid: when a file of the snapshot is not in the store any more.
    """
    days = dates_of(window, tz)
    chosen = {day: [file for file in snapshot.files if may_hold(file, day, tz)] for day in days}
    stored = stored_files(snapshot, [*{file.url: file for files in chosen.values() for file in files}.values()])
    return [
        Partition(
            url_of_day(snapshot.pin.url, day),
            day,
            tuple(sorted((stored[file.url] for file in files), key=lambda each: each.key.encode())),
            "" if any(is_of(file, day, tz) for file in files) else f"no file in {snapshot.pin}",
            snapshot.columns,
        )
        for day, files in chosen.items()
    ]


def stored_files(snapshot: Snapshot, files: Sequence[LakeFile]) -> dict[str, LogFile]:
    """Return files as they are in the store, by their URL: listed by folder, a request for a thousand.

    They may lie at another path than the table, as of a table with `write.data.path`, and not in another bucket.

    Raises:
        LogsInvalid: when they lie in another bucket, or one is not in the store any more.
    """
    store, found = ObjectStore.of(snapshot.pin.url), dict[str, LogFile]()
    by_folder = sorted(files, key=lambda file: file.url.rpartition("/")[0])
    for folder, of_folder in groupby(by_folder, key=lambda file: file.url.rpartition("/")[0]):
        bucket, prefix = split_url(f"{folder}/")
        if bucket != store.bucket:
            raise LogsInvalid(
                f"{snapshot.pin} has files in another bucket, {folder}/: a run records what it read by the bucket of "
                f"the table; set write.data.path to a path in {store.bucket} and rewrite the files (rewrite_data_files "
                f"of Spark, OPTIMIZE of Trino and Athena), or have the table, its metadata too, in {bucket}"
            )
        listed = {entry.key: entry for entry in store.list(prefix)}
        found |= {file.url: _found(snapshot, file, listed) for file in of_folder}
    return found


def _found(snapshot: Snapshot, file: LakeFile, listed: dict[str, ListedObject]) -> LogFile:
    entry = listed.get(split_url(file.url)[1])
    if entry is None:
        raise LogsInvalid(
            f"{file.url} of {snapshot.pin} is not in the store any more: it was vacuumed or deleted; start a new run, "
            "which reads the last snapshot, and keep removed files longer than a run takes"
        )
    return LogFile(entry.key, entry.byte_size, entry.etag, entry.modified, values=file.values, deleted=file.deleted)
