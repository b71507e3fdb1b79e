"""Joins the events of the outcome logs to the rows that they came of, and tells what found no row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.outcome_logs import OutcomeLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines, require_legible
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.columns import listed_names
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.outcomes import EVENTS, HAPPENED, MATCHED, PLACED, OutcomesSql, joined_columns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWLESS = 0.9
"""A join that leaves a larger share of the window's events without a row is of two ids that are not the same."""
MANY_ROWLESS = 0.1
KEYS = {"timestamp_column": "outcome_logs_time_column", "value_column": "outcome_logs_value_column"}
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
    """What became of the events: by day, the share of the window's that found no row (0 without any), and warnings."""

    days: Sequence[EventsOfDay]
    rowless_share: float
    warnings: Sequence[RunWarning]


@dataclass(frozen=True, slots=True)
class JoinedOutcomes:
    """The rows with their outcomes, these by the places of the rows, and what became of the events."""

    table: LogTable
    placed: "pa.Table"
    days: Sequence[EventsOfDay]
    without_id: int
    warnings: Sequence[RunWarning]


def join_outcomes(
    engine: Engine, logs: OutcomeLogs, rows: LogTable, types: Mapping[str, str], window: Window
) -> JoinedOutcomes:
    """Give the rows of an engine their outcomes, from its outcome logs.

    Args:
        engine: The engine, with both logs opened.
        logs: The outcome logs.
        rows: The rows.
        types: The columns of the outcome logs.
        window: The window of the events that were read.

    Raises:
        LogsInvalid: when a column is missing, has a value of another kind, or is there already.
    """
    settings = rows.settings
    events = replace(rows, settings=_of_events(settings, logs), types=types, window=window)
    _require_columns(logs, rows, events)
    warnings = [*require_few_bad_lines(engine, settings, EVENTS), *require_legible(engine, events, EVENTS, KEYS)]
    missing = tuple(sorted({"", *(word.lower() for word in settings.missing_values)}))
    sql = OutcomesSql(logs, rows, events, missing)
    for name, statement in ((HAPPENED, sql.happened()), (MATCHED, sql.matched()), (PLACED, sql.placed())):
        engine.store(name, statement)
    days = sorted((EventsOfDay(**row) for row in engine.query(sql.told(), "events by day").to_pylist()), key=_order)
    placed = engine.query(f"SELECT * FROM {PLACED} ORDER BY {SOURCE_FILE}, {SOURCE_ROW}", "rows with outcomes")
    without_id = int(engine.query(sql.without_id(), "events without an id").to_pydict()["n"][0])
    return JoinedOutcomes(_with_placed(engine, logs, rows), placed, days, without_id, warnings)


def place_outcomes(engine: Engine, logs: OutcomeLogs, rows: LogTable, placed: "pa.Table") -> LogTable:
    """Give the rows of an engine the outcomes that an earlier join of the same files has found."""
    engine.store_rows(PLACED, placed)
    return _with_placed(engine, logs, rows)


def _with_placed(engine: Engine, logs: OutcomeLogs, rows: LogTable) -> LogTable:
    return replace(rows, types={**rows.types, **engine.add_columns(PLACED, joined_columns(logs))})


def _of_events(settings: Settings, logs: OutcomeLogs) -> Settings:
    """Return the settings that read events as rows: of their measures they have a value alone."""
    return replace(
        settings,
        timestamp_column=logs.time_column,
        value_column=logs.value_column,
        outcome_column="",
        exposure_column="",
        weight_column="",
        cost_column="",
        bid_column="",
        currency_column="",
        row_filter={},
    )


def event_findings(joined: JoinedOutcomes, logs: OutcomeLogs, window: Window) -> EventFindings:
    """Return what became of the events of the window's days.

    Args:
        joined: The join.
        logs: The outcome logs.
        window: The window of the rows.
    """
    first, last = window.start.date(), window.end.date()
    within = [each for each in joined.days if each.day is not None and first <= each.day <= last]
    events, found = sum(each.events for each in within), sum(each.found for each in within)
    rowless = 1 - found / events if events else 0.0
    return EventFindings(joined.days, rowless, [*joined.warnings, *_rowless(within, logs), *_uncounted(joined, logs)])


def _rowless(within: Sequence[EventsOfDay], logs: OutcomeLogs) -> list[RunWarning]:
    """Return a warning where many events of the window's days found no row, or there are none."""
    events, found = sum(each.events for each in within), sum(each.found for each in within)
    if not events:
        message = f"the outcome logs ({logs.path}) hold no event of the window that counts"
        return [RunWarning("no_events", message, 0)]
    lost = events - found
    if not lost > MANY_ROWLESS * events:
        return []
    by_day = ", ".join(f"{each.day}: {each.events - each.found} of {each.events}" for each in _worst(within))
    message = f"{lost} of {events} events of the window found no row of their id ({by_day}): they do not count"
    if lost > MAX_ROWLESS * events:
        ids = ", ".join(f"{row!r} and {event!r}" for row, event in logs.ids)
        message += f"; {ids} do not hold the same ids: correct row_id_columns, outcome_logs_id_columns, or the logs"
    return [RunWarning("events_without_row", message, lost, lost / events)]


def _uncounted(joined: JoinedOutcomes, logs: OutcomeLogs) -> list[RunWarning]:
    """Return warnings about events that can count for no row, and kinds that never occur."""
    warnings = []
    if untimed := sum(each.events for each in joined.days if each.day is None):
        warnings.append(RunWarning("events_without_time", f"{untimed} events have no time: they do not count", untimed))
    if joined.without_id:
        message = f"{joined.without_id} events have no id of a row: they do not count"
        warnings.append(RunWarning("events_without_id", message, joined.without_id))
    if absent := [kind for kind in logs.kinds if kind not in {each.kind for each in joined.days}]:
        message = f"outcome_kinds names {', '.join(map(repr, absent))}, of which there is no event: check the spelling"
        warnings.append(RunWarning("kinds_without_events", message))
    return warnings


def _order(each: EventsOfDay) -> tuple[bool, date, str]:
    """Sort by day and kind, events without a time last: engines differ in where NULL is."""
    return each.day is None, each.day or date.max, each.kind


def _worst(days: Sequence[EventsOfDay]) -> list[EventsOfDay]:
    return sorted(days, key=lambda each: each.found - each.events)[:MAX_DAYS]


def _require_columns(logs: OutcomeLogs, rows: LogTable, events: LogTable) -> None:
    if absent := [name for name in logs.columns if name not in events.types]:
        raise LogsInvalid(
            f"the outcome logs have no column {', '.join(map(repr, absent))}; they have: {listed_names(events.types)}"
        )
    if absent := [row for row, _ in logs.ids if row not in rows.types]:
        raise LogsInvalid(f"the logs have no column {', '.join(map(repr, absent))} (row_id_columns)")
    names = [name for name in (logs.joined_outcome, logs.joined_value) if name]
    if taken := [name for name in names if name in rows.types]:
        raise LogsInvalid(
            f"the logs have a column {', '.join(map(repr, taken))} of their own: with outcome_logs_path, "
            "outcome_column and value_column are names that joined outcomes get; choose others"
        )
