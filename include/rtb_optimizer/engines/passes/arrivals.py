"""Checks that rows arrived as their partitions promise: in all of them, within their days, spread over the hour."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from rtb_optimizer.core.config.window import Window, dates_of, midnight, zone
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.dialect import seconds
from rtb_optimizer.engines.sql.identity import SOURCE_FILE
from rtb_optimizer.engines.sql.table import LogTable, day_of, in_window, instant_of

DAY = timedelta(days=1)
MIN_HOUR_ROWS = 500
MAX_MINUTE_SHARE = 0.2
"""Of an hour's rows; an even minute has a sixtieth."""
MIN_HOUR_MINUTES = 30
"""An hour with rows in fewer minutes is not checked: its times are coarser than a minute, or traffic is low."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows that no window over these partitions counts: without a time, or with one outside of their days.

    Times are numpy instants: a damaged file may pass on years that `datetime` cannot hold.
    """

    untimed: int
    outside: int
    earliest: np.datetime64
    latest: np.datetime64


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The rows of each partition and file, by URL, and those among them that do not count, with warnings about these.

    `untimed` have no time, `outside` one that is not on the days of the partitions; `total` is the number of rows that
    pass `row_filter`, where any of them do not count.
    """

    rows: Mapping[str, int]
    warnings: tuple[RunWarning, ...]
    by_file: Mapping[str, int] = field(default_factory=dict)
    untimed: int = 0
    outside: int = 0
    total: int = 0


def arrivals(engine: Engine, table: LogTable) -> Arrivals:
    """Count the rows that arrived, before any filter but `row_filter`."""
    files = engine.query(f"SELECT {SOURCE_FILE}, COUNT(*) AS n FROM logs GROUP BY {SOURCE_FILE}", "rows of each file")
    by_file = dict(zip(*files.to_pydict().values(), strict=True))
    rows = _by_day(engine, table) if table.by_time else _by_folder(table, by_file)
    if not table.settings.timestamp_column:
        return Arrivals(rows, (), by_file)
    strays = _strays(engine, table)
    if not (strays.untimed or strays.outside):
        return Arrivals(rows, (), by_file)
    is_dated = not table.by_time and any(day is not None for day in table.days.values())
    total = _rows(engine, table)
    warnings = tuple(_outside(strays, total, table, is_dated=is_dated))
    return Arrivals(rows, warnings, by_file, strays.untimed, strays.outside if is_dated else 0, total)


def _by_folder(table: LogTable, by_file: Mapping[str, int]) -> dict[str, int]:
    return {url: sum(n for file, n in by_file.items() if is_below(file, url)) for url in table.days}


def _by_day(engine: Engine, table: LogTable) -> dict[str, int]:
    """Return the rows of each partition that is a day of a table, by their time."""
    on_clock = replace(table, settings=replace(table.settings, timezone=str(_folder_zone(table))))
    statement = f"SELECT {day_of(on_clock)} AS log_day, COUNT(*) AS n FROM logs GROUP BY log_day"
    found = dict(zip(*engine.query(statement, "rows of each day").to_pydict().values(), strict=True))
    return {url: found.get(day, 0) for url, day in table.days.items()}


def is_below(file: str, url: str) -> bool:
    """Whether a file is the one of that URL, or in the folder: day=10 is not in day=1."""
    return file == url or file.startswith(url.rstrip("/") + "/")


def rows_outside(engine: Engine, table: LogTable, start: datetime, end: datetime) -> int:
    """Return how many rows have a time that is not in `[start, end)`, whatever the window."""
    inside = " AND ".join(in_window(replace(table, window=Window(start, end))))
    return int(
        engine.query(f"SELECT COUNT(*) AS n FROM logs WHERE NOT ({inside})", "rows of a day").to_pydict()["n"][0]
    )


def bursts(rows_by_minute: Mapping[np.datetime64, int]) -> tuple[RunWarning, ...]:
    """Warn of the most conspicuous minute that holds more than `MAX_MINUTE_SHARE` of the rows of its hour."""
    minutes = []
    for _, of_hour in groupby(sorted(rows_by_minute.items()), key=lambda each: each[0].astype("datetime64[h]")):
        hour = list(of_hour)
        rows, (at, most) = sum(n for _, n in hour), max(hour, key=lambda each: each[1])
        if len(hour) >= MIN_HOUR_MINUTES and rows >= MIN_HOUR_ROWS and most > MAX_MINUTE_SHARE * rows:
            minutes.append((most / rows, most, at))
    if not minutes:
        return ()
    share, most, at = max(minutes)
    more = f", and {len(minutes) - 1} more such minutes" if len(minutes) > 1 else ""
    message = (
        f"the minute {_minute(at)} UTC has {share:.0%} of the rows of its hour, {most}{more}, where up to "
        f"{MAX_MINUTE_SHARE:.0%} are usual: check for rows delivered twice, a stopped clock, or a bot"
    )
    return (RunWarning("minute_burst", message, most, most / sum(rows_by_minute.values())),)


def _strays(engine: Engine, table: LogTable) -> Strays:
    """Return the number and the range of rows without a time, or with one outside of the partitions' days.

    Only these are queried: engines skip files whose statistics rule them out.
    """
    instant, (first, last) = instant_of(table), (_edge(day, table) for day in _edges(table))
    tests = [*table.row_filter(), f"({instant} < {first} OR {instant} >= {last} OR {instant} IS NULL)"]
    row = engine.query(
        f"SELECT COUNT(*) AS n, COUNT({instant}) AS timed, MIN({instant}) AS earliest, MAX({instant}) AS latest "
        f"FROM logs WHERE {' AND '.join(tests)}",
        "rows out of their days",
    )
    rows, outside, earliest, latest = (row[name].to_numpy()[0] for name in ("n", "timed", "earliest", "latest"))
    return Strays(int(rows - outside), int(outside), earliest, latest)


def _rows(engine: Engine, table: LogTable) -> int:
    where = " AND ".join(table.row_filter()) or "TRUE"
    return int(engine.query(f"SELECT COUNT(*) AS n FROM logs WHERE {where}", "rows").to_pydict()["n"][0])


def _outside(strays: Strays, total: int, table: LogTable, *, is_dated: bool) -> list[RunWarning]:
    column, warnings = table.settings.timestamp_column, []
    if strays.untimed:
        message = f"{strays.untimed} rows have no time (timestamp_column {column!r}): not counted"
        warnings.append(RunWarning("without_time", message, strays.untimed, strays.untimed / total))
    if strays.outside and is_dated:
        first, last = _edges(table)
        message = (
            f"{strays.outside} rows have a time outside of the days of their partitions, {first} to {last - DAY} "
            f"{_folder_zone(table)}, from {_minute(strays.earliest)} to {_minute(strays.latest)}: not counted; "
            f"check the clocks of the servers, timestamp_column {column!r}, timezone and logs_timezone"
        )
        warnings.append(RunWarning("outside_window", message, strays.outside, strays.outside / total))
    return warnings


def _holds_dates(table: LogTable) -> bool:
    return table.types[table.settings.timestamp_column] == "DATE"


def _folder_zone(table: LogTable) -> ZoneInfo:
    return table.folder_zone or zone(table.settings.timezone)


def _edges(table: LogTable) -> tuple[date, date]:
    """Return the first day of the window's partitions, and the day after the last."""
    days = dates_of(table.window, _folder_zone(table))
    return days[0], days[-1] + DAY


def _edge(day: date, table: LogTable) -> str:
    """Return the start of a day on the clock of the rows' times, as SQL."""
    if _holds_dates(table):
        return f"DATE '{day}'"
    return table.dialect.instant(seconds(midnight(day, _folder_zone(table))))


def _minute(at: np.datetime64) -> str:
    return str(at.astype("datetime64[m]")).replace("T", " ")
