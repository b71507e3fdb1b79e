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

MIN_HOUR_ROWS = 500
MIN_HOUR_MINUTES = 30
"""An hour with rows in fewer minutes is of logs whose times are coarser than a minute, or of thin traffic."""

Times = Mapping["np.datetime64", int]
"""Rows by minute, or by day; NaT for rows without a time. No datetime: logs may name years that it cannot hold."""


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
    is_date = table.types[table.settings.timestamp_column] == "DATE"
    minute = instant_of(table) if is_date else f"date_trunc('minute', {instant_of(table)})"
    where = " AND ".join(table.row_filter()) or "TRUE"
    found = engine.query(f"SELECT {minute} AS at, COUNT(*) AS n FROM logs WHERE {where} GROUP BY 1", "rows by minute")
    times = dict(zip(found["at"].to_numpy(), found["n"].to_pylist(), strict=True))
    odd = [*_outside(times, table, is_date=is_date), *([] if is_date else _bursts(times, table))]
    return Arrivals(rows, tuple(odd))


def _outside(times: Times, table: LogTable, *, is_date: bool) -> list[RunWarning]:
    """Warn of rows that no window over these partitions counts: without a time, or with one outside of their days."""
    total, column = sum(times.values()), table.settings.timestamp_column
    warnings = []
    if lost := sum(n for at, n in times.items() if np.isnat(at)):
        message = f"{lost} rows have no time (timestamp_column {column!r}): not counted"
        warnings.append(RunWarning("without_time", message, lost, lost / total))
    tz = zone(table.settings.timezone)
    days = dates_of(table.window, tz)
    first, last = (_edge(day, table, is_date=is_date) for day in (days[0], days[-1] + timedelta(days=1)))
    stray = {at: n for at, n in times.items() if not np.isnat(at) and not first <= at < last}
    if stray and any(day is not None for day in table.days.values()):
        rows = sum(stray.values())
        warnings.append(
            RunWarning(
                "outside_window",
                f"{rows} rows have a time outside of the days of their partitions, {days[0]} to {days[-1]} "
                f"{table.settings.timezone}, from {_minute(min(stray))} to {_minute(max(stray))}: not counted; check "
                f"the clocks of the servers, timestamp_column {column!r} and timezone",
                rows,
                rows / total,
            )
        )
    return warnings


def _edge(day: date, table: LogTable, *, is_date: bool) -> np.datetime64:
    """Return where a day begins, on the clock that the rows' times are told by."""
    return np.datetime64(day if is_date else midnight(day, zone(table.settings.timezone)).replace(tzinfo=None))


def _bursts(times: Times, table: LogTable) -> list[RunWarning]:
    """Warn of the minute that stands out most, where one holds more of its hour than `max_minute_share`."""
    known = sorted((at, n) for at, n in times.items() if not np.isnat(at))
    bursts = []
    for _, minutes in groupby(known, key=lambda each: each[0].astype("datetime64[h]")):
        hour = list(minutes)
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
    return [RunWarning("minute_burst", message, most, most / sum(times.values()))]


def _minute(at: np.datetime64) -> str:
    return str(at.astype("datetime64[m]")).replace("T", " ")
