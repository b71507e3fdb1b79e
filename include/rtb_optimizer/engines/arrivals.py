"""Did the rows arrive as the partitions promise: in all of them, in their days, spread over the hour?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import numpy as np

from rtb_optimizer.core.warning import RunWarning
from rtb_optimizer.core.windows import dates_of, midnight, zone
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.row_identity import SOURCE_FILE
from rtb_optimizer.engines.row_time import instant_of
from rtb_optimizer.engines.statements import LogTable

DAY = timedelta(days=1)
NEVER = np.datetime64("NaT")
MIN_HOUR_ROWS = 500
MIN_HOUR_MINUTES = 30
"""An hour with rows in fewer minutes is of logs whose times are coarser than a minute, or of thin traffic."""

Minutes = Mapping[np.datetime64, int]
"""Rows by minute. No datetime: a damaged file slips years past the engine that it cannot hold."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows that no window over these partitions counts: without a time, or with one outside of their days."""

    untimed: int
    outside: int
    earliest: np.datetime64
    latest: np.datetime64


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The rows of each partition, by its URL, and what is odd about their times."""

    rows: Mapping[str, int]
    warnings: tuple[RunWarning, ...]


def arrivals(engine: Engine, table: LogTable) -> Arrivals:
    """Count the rows that arrived, before anything but `row_filter` is asked of them."""
    files = engine.query(f"SELECT {SOURCE_FILE}, COUNT(*) AS n FROM logs GROUP BY {SOURCE_FILE}", "rows of each file")
    by_file = dict(zip(*files.to_pydict().values(), strict=True))
    rows = {url: sum(n for file, n in by_file.items() if file.startswith(url)) for url in table.days}
    if not table.settings.timestamp_column:
        return Arrivals(rows, ())
    minutes, strays = _times(engine, table)
    return Arrivals(rows, (*_outside(strays, sum(minutes.values()), table), *_bursts(minutes, table)))


def _times(engine: Engine, table: LogTable) -> tuple[Minutes, Strays]:
    """Return the rows by minute (by day, where the logs hold dates), and those outside of the partitions' days.

    The others are one group: what is fetched is bounded by the window, whatever the logs say.
    """
    instant, is_date = instant_of(table), _holds_dates(table)
    minute = instant if is_date else f"date_trunc('minute', {instant})"
    first, last = (_edge(day, table) for day in _edges(table))
    where = " AND ".join(table.row_filter()) or "TRUE"
    found = engine.query(
        f"SELECT CASE WHEN {instant} >= {first} AND {instant} < {last} THEN {minute} END AS at, COUNT(*) AS n, "
        f"COUNT({instant}) AS timed, MIN({instant}) AS earliest, MAX({instant}) AS latest "
        f"FROM logs WHERE {where} GROUP BY 1",
        "rows by minute",
    )
    columns = {name: found[name].to_numpy() for name in found.column_names}
    strays, others = Strays(0, 0, NEVER, NEVER), np.isnat(columns["at"])
    if others.any():
        rows, outside, earliest, latest = (columns[name][others][0] for name in ("n", "timed", "earliest", "latest"))
        strays = Strays(int(rows - outside), int(outside), earliest, latest)
    return dict(zip(columns["at"][~others], columns["n"][~others].tolist(), strict=True)), strays


def _outside(strays: Strays, inside: int, table: LogTable) -> list[RunWarning]:
    total, column, warnings = inside + strays.untimed + strays.outside, table.settings.timestamp_column, []
    if strays.untimed:
        message = f"{strays.untimed} rows have no time (timestamp_column {column!r}): not counted"
        warnings.append(RunWarning("without_time", message, strays.untimed, strays.untimed / total))
    if strays.outside and any(day is not None for day in table.days.values()):
        first, last = _edges(table)
        message = (
            f"{strays.outside} rows have a time outside of the days of their partitions, {first} to {last - DAY} "
            f"{table.settings.timezone}, from {_minute(strays.earliest)} to {_minute(strays.latest)}: not counted; "
            f"check the clocks of the servers, timestamp_column {column!r} and timezone"
        )
        warnings.append(RunWarning("outside_window", message, strays.outside, strays.outside / total))
    return warnings


def _holds_dates(table: LogTable) -> bool:
    return table.types[table.settings.timestamp_column] == "DATE"


def _edges(table: LogTable) -> tuple[date, date]:
    """Return the first day of the window's partitions, and the day after the last."""
    days = dates_of(table.window, zone(table.settings.timezone))
    return days[0], days[-1] + DAY


def _edge(day: date, table: LogTable) -> str:
    """Return where a day begins, on the clock that the rows' times are told by, as SQL."""
    if _holds_dates(table):
        return f"DATE '{day}'"
    return f"TIMESTAMP '{midnight(day, zone(table.settings.timezone)):%Y-%m-%d %H:%M:%S}'"


def _bursts(minutes: Minutes, table: LogTable) -> list[RunWarning]:
    """Warn of the minute that stands out most, where one holds more of its hour than `max_minute_share`."""
    if _holds_dates(table):
        return []
    bursts = []
    for _, of_hour in groupby(sorted(minutes.items()), key=lambda each: each[0].astype("datetime64[h]")):
        hour = list(of_hour)
        rows, (at, most) = sum(n for _, n in hour), max(hour, key=lambda each: each[1])
        if len(hour) >= MIN_HOUR_MINUTES and rows >= MIN_HOUR_ROWS and most > table.settings.max_minute_share * rows:
            bursts.append((most / rows, most, at))
    if not bursts:
        return []
    share, most, at = max(bursts)
    more = f", and {len(bursts) - 1} more such minutes" if len(bursts) > 1 else ""
    message = (
        f"the minute {_minute(at)} UTC has {share:.0%} of the rows of its hour, {most}{more}; max_minute_share is "
        f"{table.settings.max_minute_share:.0%}: look for rows delivered again, a clock that stood still, or a bot"
    )
    return [RunWarning("minute_burst", message, most, most / sum(minutes.values()))]


def _minute(at: np.datetime64) -> str:
    return str(at.astype("datetime64[m]")).replace("T", " ")
