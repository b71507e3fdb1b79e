"""A table of a lake as it was committed once: its files, and which of them can hold rows of a window.

A file is chosen by the statistics of the time column, which are exact. Where there are none, as for times that are text
or numbers, it is chosen by a partition column of dates, with a day more on each side: dates may be those of UTC, and
rows may have come after midnight. Rows are counted by their own time in any case.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.core.config.window import midnight
from rtb_optimizer.logs.lake.location import LakeFormat

DAY = timedelta(days=1)
_DATE_NAMES = re.compile(r"(?:.*_)?(?:date|dt|ds|day|ymd)", re.IGNORECASE)
_DATE = re.compile(r"((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)(?:[T ].*)?")


@dataclass(frozen=True, slots=True)
class Pin:
    """Which snapshot of a table is read.

    `version` is the number of a Delta version, or an Iceberg snapshot's id; `metadata` the URL of Iceberg's file of it;
    `committed` when it was written.
    """

    format: LakeFormat
    url: str
    version: int
    committed: datetime
    metadata: str = ""

    def __str__(self) -> str:
        """A description of the snapshot, for messages."""
        word = "version" if self.format is LakeFormat.DELTA else "snapshot"
        return f"{word} {self.version} of the {self.format} table {self.url}, of {self.committed:%F %R} UTC"


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of a snapshot: its s3:// URL, its size in bytes.

    Attributes:
        earliest: The first time of its rows, or the first date where the time column has dates; None where unknown.
        latest: The last one.
        values: The values that all its rows have, by column.
        deleted: The positions of its rows that are deleted.
    """

    url: str
    byte_size: int
    earliest: date | None = None
    latest: date | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)
    deleted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was committed: the files of a table, or those of a window, and how its columns lie in them."""

    pin: Pin
    files: Sequence[LakeFile]
    columns: TableColumns


def may_hold(file: LakeFile, day: date, tz: ZoneInfo) -> bool:
    """Whether a file can hold rows of a day on the clock of a zone."""
    if file.earliest is None and (dated := _dated(file.values)) is not None:
        return abs(day - dated) <= DAY
    return _overlaps(file, day, tz)


def is_of(file: LakeFile, day: date, tz: ZoneInfo) -> bool:
    """Whether a file belongs to a day by the table's log: such a file shows that the day has arrived."""
    if file.earliest is None and (dated := _dated(file.values)) is not None:
        return day == dated
    return _overlaps(file, day, tz)


def _overlaps(file: LakeFile, day: date, tz: ZoneInfo) -> bool:
    if file.earliest is None or file.latest is None:
        return True
    if isinstance(file.earliest, datetime) and isinstance(file.latest, datetime):
        start, end = _midnights(day, tz)
        return file.earliest < end and file.latest >= start
    return file.earliest <= day <= file.latest


@lru_cache(maxsize=64)  # each is compared with all files
def _midnights(day: date, tz: ZoneInfo) -> tuple[datetime, datetime]:
    return midnight(day, tz), midnight(day + DAY, tz)


def _dated(values: Mapping[str, str | None]) -> date | None:
    """Return the date that the partition columns of a file name, as one column or as year, month and day."""
    by_name = {name.lower(): value for name, value in values.items() if value is not None}
    whole = next((value for name, value in by_name.items() if _DATE_NAMES.fullmatch(name)), "")
    if {"year", "month", "day"} <= by_name.keys():
        whole = f"{by_name['year']}-{by_name['month']:0>2}-{by_name['day']:0>2}"
    if (found := _DATE.fullmatch(whole)) is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def instant(at: datetime) -> datetime:
    """Return a time with its zone: naive times are UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
