"""The partitions of a window, of a table of a lake or of plain files, whichever lies at `logs_path`."""

from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, dates_of, midnight
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs import partitions as plain
from rtb_optimizer.logs.lake.days import expected_days, partitions_of
from rtb_optimizer.logs.lake.delta import last_version, read_delta
from rtb_optimizer.logs.lake.iceberg import last_snapshot, read_iceberg
from rtb_optimizer.logs.lake.location import LakeFormat, hudi_refused, table_at
from rtb_optimizer.logs.lake.snapshot import DAY, Pin, Snapshot
from rtb_optimizer.logs.partitions import Partition


def pin_now(logs_path: str, names: Mapping[str, object] = MappingProxyType({})) -> Pin | None:
    """Return the snapshot of the table at a path that is committed now; None where plain files lie there.

    Args:
        logs_path: The path.
        names: Names of Iceberg tables in the catalog, by their root (`iceberg_tables`).

    Raises:
        LogsInvalid: when it is a table that cannot be read, or what reads it is not installed.
    """
    found, url = table_at(logs_path), logs_path.rstrip("/") + "/"
    name = {root.rstrip("/") + "/": str(name) for root, name in names.items()}.get(url)
    if name is not None:
        return last_snapshot(url, name)
    if found is None:
        return None
    if found is LakeFormat.HUDI:
        raise hudi_refused(url)
    return last_version(url) if found is LakeFormat.DELTA else last_snapshot(url)


def all_of(pin: Pin) -> Snapshot:
    """Return a snapshot with all of its files, whatever their time.

    Raises:
        LogsInvalid: as `in_window`.
    """
    if pin.format is LakeFormat.DELTA:
        return read_delta(pin, "")
    return read_iceberg(pin, "", Window(pin.committed, pin.committed + DAY))  # without a time nothing is left out


def in_window(settings: Settings, window: Window, tz: ZoneInfo, pin: Pin | None) -> list[Partition]:
    """Return the window's partitions in order: folders of plain files, or days of a table's snapshot.

    Args:
        settings: Where the logs are, and their time column.
        window: The window.
        tz: The zone at whose midnights folders, and days of a table, are cut.
        pin: The snapshot, where there is a table.

    Raises:
        LogsInvalid: when a table has no rows' time to choose by, or cannot be read.
    """
    if pin is None:
        return plain.in_window(settings, window, tz)
    if not settings.timestamp_column:
        raise LogsInvalid(
            f"{pin.url} is a table of a lake, whose rows belong to a window by their time: set timestamp_column; a "
            "column of dates will do"
        )
    column = settings.timestamp_column
    if pin.format is LakeFormat.DELTA:
        return partitions_of(read_delta(pin, column), window, tz)
    days = dates_of(window, tz)
    whole = Window(midnight(days[0], tz), midnight(days[-1] + DAY, tz))
    return partitions_of(read_iceberg(pin, column, whole), window, tz)


def expected_urls(settings: Settings, window: Window, tz: ZoneInfo, pin: Pin | None) -> list[str]:
    """Return the URLs of all partitions of the window, present or not."""
    return plain.expected_urls(settings, window, tz) if pin is None else expected_days(pin.url, window, tz)
