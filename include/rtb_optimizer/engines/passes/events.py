"""Joins the events of logs of their own to their rows, and counts the events without a row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.event_logs import WINS, EventLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.passes.incomplete_events import incomplete_events
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines, require_legible
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.columns import listed_names
from rtb_optimizer.engines.sql.events import (
    ALL_PLACED,
    EventsSql,
    joined_columns,
    placed_in,
    placed_together,
)
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWLESS = 0.9
"""A join that leaves a larger share of the window's events without a row is of two ids that are not the same."""
MANY_ROWLESS, MANY_LATE = 0.1, 0.1
MANY_REPEATED, ENOUGH_REPEATED = 0.5, 20
"""Repeats by the events of a day, each once, of a day that was delivered again; of fewer events nothing is said."""
MAX_DAYS = 5


@dataclass(frozen=True, slots=True)
class EventsOfDay:
    """Events of a day (UTC, None for those without a time): how many, repeats, with a row, and counted for one."""

    day: date | None
    kind: str
    events: int
    repeats: int
    found: int
    counted: int


@dataclass(frozen=True, slots=True)
class EventFindings:
    """A join's result: events by day, the share of the window's that found no row (0 without any), and warnings."""

    days: Sequence[EventsOfDay]
    rowless_share: float
    warnings: Sequence[RunWarning]


@dataclass(frozen=True, slots=True)
class OpenedEvents:
    """Logs of events that are opened in an engine: their columns and the SQL types of these."""

    logs: EventLogs
    types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JoinedEvents:
    """The joined events of some logs, the number of those without an id, and warnings about what they hold."""

    days: Sequence[EventsOfDay]
    without_id: int
    warnings: Sequence[RunWarning]


@dataclass(frozen=True, slots=True)
class JoinedRows:
    """The rows with the columns that events gave them, these by the places of the rows, and the events by role."""

    table: LogTable
    placed: "pa.Table"
    events: Mapping[str, JoinedEvents]


def join_events(engine: Engine, opened: Sequence[OpenedEvents], rows: LogTable, window: Window) -> JoinedRows:
    """Give the rows of an engine the columns of its logs of events.

    Args:
        engine: The engine, with all logs opened.
        opened: The logs of events, at most one of a role.
        rows: The rows.
        window: The window of the rows.

    Raises:
        LogsInvalid: when a column is missing, has a value of another kind, or is there already.
    """
    logs = [each.logs for each in opened]
    joined = {each.logs.role.name: _join(engine, each, rows, each.logs.window(window)) for each in opened}
    if len(logs) > 1:
        engine.store(ALL_PLACED, placed_together(logs))
    statement = f"SELECT * FROM {placed_in(logs)} ORDER BY {SOURCE_FILE}, {SOURCE_ROW}"
    placed = engine.query(statement, "rows with events")
    return JoinedRows(_with_placed(engine, logs, rows), placed, joined)


def place_events(engine: Engine, logs: Sequence[EventLogs], rows: LogTable, placed: "pa.Table") -> LogTable:
    """Give the rows of an engine the columns that an earlier join of the same files has found."""
    engine.store_rows(placed_in(logs), placed)
    return _with_placed(engine, logs, rows)


def _join(engine: Engine, opened: OpenedEvents, rows: LogTable, window: Window) -> JoinedEvents:
    settings, logs = rows.settings, opened.logs
    role, source = logs.role, logs.role.name
    events = replace(rows, settings=_of_events(settings, logs), types=opened.types, window=window)
    _require_columns(logs, rows, events)
    keys = {"timestamp_column": role.time_key, "value_column": role.amount_of}
    warnings = [*require_few_bad_lines(engine, settings, source), *require_legible(engine, events, source, keys)]
    missing = tuple(sorted({"", *(word.lower() for word in settings.missing_values)}))
    sql = EventsSql(logs, rows, events, missing)
    tables = sql.tables
    statements = {tables.happened: sql.happened(), tables.matched: sql.matched(), tables.placed: sql.placed()}
    for name, statement in statements.items():
        engine.store(name, statement)
    days = sorted(
        (EventsOfDay(**row) for row in engine.query(sql.by_day_and_kind(), "events by day").to_pylist()), key=_order
    )
    without_id = int(engine.query(sql.without_id(), "events without an id").to_pydict()["n"][0])
    return JoinedEvents(days, without_id, [*warnings, *incomplete_events(engine, sql)])


def _with_placed(engine: Engine, logs: Sequence[EventLogs], rows: LogTable) -> LogTable:
    return replace(rows, types={**rows.types, **engine.add_columns(placed_in(logs), joined_columns(logs))})


def _of_events(settings: Settings, logs: EventLogs) -> Settings:
    """Return the settings that read events as rows: of their measures they have an amount alone."""
    return replace(
        settings,
        timestamp_column=logs.time_column,
        value_column=logs.amount_column,
        outcome_column="",
        exposure_column="",
        weight_column="",
        cost_column="",
        bid_column="",
        currency_column="",
        row_filter={},
    )


def event_findings(joined: JoinedRows, logs: EventLogs, window: Window) -> EventFindings:
    """Return how the events of the window's days were joined.

    Args:
        joined: The join.
        logs: The logs of these events.
        window: The window of the rows.

    Raises:
        LogsInvalid: when no win counts: without an exposure there is nothing to count.
    """
    first, last = window.start.date(), window.end.date()
    of_role = joined.events[logs.role.name]
    within = [each for each in of_role.days if each.day is not None and first <= each.day <= last]
    events, found = sum(each.events for each in within), sum(each.found for each in within)
    rowless = 1 - found / events if events else 0.0
    of_days = [*_rowless(within, logs), *_late(of_role.days, logs), *_repeated(of_role.days, logs)]
    warnings = [*of_role.warnings, *of_days, *_uncounted(of_role, logs)]
    if logs.role == WINS:
        _require_wins(of_role, warnings)
    return EventFindings(of_role.days, rowless, warnings)


def _require_wins(wins: JoinedEvents, warnings: Sequence[RunWarning]) -> None:
    """Raise LogsInvalid where no row was won."""
    if any(each.counted for each in wins.days):
        return
    why = "; ".join(warning.message for warning in warnings)
    raise LogsInvalid(f"no row has a win that counts, so that none is an exposure: {why}")


def _rowless(within: Sequence[EventsOfDay], logs: EventLogs) -> list[RunWarning]:
    """Return a warning where many events of the window's days found no row, or there are none."""
    role = logs.role
    events, found = sum(each.events for each in within), sum(each.found for each in within)
    if not events:
        message = f"the {role.words} ({logs.path}) hold no {role.event} of the window that counts"
        return [RunWarning(f"no_{role.event}s", message, 0)]
    lost = events - found
    if not lost > MANY_ROWLESS * events:
        return []
    by_day = ", ".join(f"{each.day}: {each.events - each.found} of {each.events}" for each in _worst(within))
    message = f"{lost} of {events} {role.event}s of the window found no row of their id ({by_day}): they do not count"
    if lost > MAX_ROWLESS * events:
        ids = ", ".join(f"{row!r} and {event!r}" for row, event in logs.ids)
        message += f"; {ids} do not hold the same ids: correct row_id_columns, {role.id_key}, or the logs"
    return [RunWarning(f"{role.event}s_without_row", message, lost, lost / events)]


def _late(days: Sequence[EventsOfDay], logs: EventLogs) -> list[RunWarning]:
    """Return a warning where many events with a time found their row and came too late to count for it.

    Those of the days after the window are among them: by a clock that is hours fast, most may be.
    """
    timed = [each for each in days if each.day is not None]
    found, late = sum(each.found for each in timed), sum(each.found - each.counted for each in timed)
    if not late > MANY_LATE * found:
        return []
    role, hours = logs.role, logs.attribution.total_seconds() / 3600
    message = (
        f"{found} {role.event}s found their row, and {late} of them came more than {hours:g} hours after it "
        f"(attribution_hours): they do not count; check {role.time_key}, timestamp_format and the clocks, or raise "
        "attribution_hours"
    )
    return [RunWarning(f"{role.event}s_late", message, late, late / found)]


def _repeated(days: Sequence[EventsOfDay], logs: EventLogs) -> list[RunWarning]:
    """Return a warning where most of a day's events came again, as by a file that was delivered under two names."""
    by_day = defaultdict[date, list[int]](lambda: [0, 0])
    for each in days:
        if each.day is not None:
            by_day[each.day][0] += each.repeats
            by_day[each.day][1] += each.events
    again = [
        (repeats, events, day)
        for day, (repeats, events) in by_day.items()
        if events >= ENOUGH_REPEATED and repeats >= MANY_REPEATED * events
    ]
    if not again:
        return []
    repeats, events = sum(each[0] for each in again), sum(each[1] for each in again)
    listed = ", ".join(f"{day}: {repeats} repeats of {events}" for repeats, events, day in sorted(again)[-MAX_DAYS:])
    role = logs.role
    message = (
        f"most {role.event}s of {len(again)} days of the {role.words} came again ({listed}): each counts once; look "
        f"into {logs.path} for files that were delivered twice, under another name"
    )
    return [RunWarning(f"{role.event}s_repeated", message, repeats, repeats / (repeats + events))]


def _uncounted(joined: JoinedEvents, logs: EventLogs) -> list[RunWarning]:
    """Return warnings about events that can count for no row, and kinds that never occur."""
    warnings, events = [], f"{logs.role.event}s"
    if untimed := sum(each.events for each in joined.days if each.day is None):
        message = f"{untimed} {events} have no time: they do not count"
        warnings.append(RunWarning(f"{events}_without_time", message, untimed))
    if joined.without_id:
        message = f"{joined.without_id} {events} have no id of a row: they do not count"
        warnings.append(RunWarning(f"{events}_without_id", message, joined.without_id))
    if absent := [kind for kind in logs.kinds if kind not in {each.kind for each in joined.days}]:
        message = f"outcome_kinds names {', '.join(map(repr, absent))}, of which there is no event: check the spelling"
        warnings.append(RunWarning("kinds_without_events", message))
    return warnings


def _order(each: EventsOfDay) -> tuple[bool, date, str]:
    """Sort by day and kind, events without a time last: engines differ in where NULL is."""
    return each.day is None, each.day or date.max, each.kind


def _worst(days: Sequence[EventsOfDay]) -> list[EventsOfDay]:
    return sorted(days, key=lambda each: each.found - each.events)[:MAX_DAYS]


def _require_columns(logs: EventLogs, rows: LogTable, events: LogTable) -> None:
    role = logs.role
    if absent := [name for name in logs.columns if name not in events.types]:
        raise LogsInvalid(
            f"the {role.words} have no column {', '.join(map(repr, absent))}; they have: {listed_names(events.types)}"
        )
    if absent := [row for row, _ in logs.ids if row not in rows.types]:
        raise LogsInvalid(f"the logs have no column {', '.join(map(repr, absent))} (row_id_columns)")
    names = [name for name in (logs.flag, logs.amount) if name]
    if taken := [name for name in names if name in rows.types]:
        given = " and ".join(role.of_row)
        raise LogsInvalid(
            f"the logs have a column {', '.join(map(repr, taken))} of their own: with {role.path_key}, "
            f"{role.flag_key} and {role.amount_key} are names that joined {given} get; choose others"
        )
