"""Compares how many events a day has: with the other days, with days before, and with what was read of it before.

Events are counted by the day (UTC) of their time, each once, by kind. Days that the window holds in part are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date

from rtb_optimizer.core.config.event_logs import WINS, EventLogs
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, dates_of, midnight, zone
from rtb_optimizer.core.decision.volume import (
    Outlier,
    between_days,
    latest_days,
    restated_day,
    unusual_day,
)
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.engines.passes.events import EventFindings, EventsOfDay
from rtb_optimizer.outputs.documents.logs import EventsDocument, LogsDocument

Days = Mapping[date, Counts]


@dataclass(frozen=True, slots=True)
class EventVolume:
    """What a person should look into, and by the name of the logs the last whole days that this run and others read."""

    warnings: Sequence[RunWarning] = ()
    known: Mapping[str, Sequence[EventsDocument]] = field(default_factory=dict)


def event_volume(
    found: Mapping[str, EventFindings],
    settings: Settings,
    window: Window,
    active: LogsDocument | None,
    *,
    is_first: bool,
) -> EventVolume:
    """Judge how many events each day of a window has.

    Args:
        found: The joined events, by the name of their logs.
        settings: The configuration.
        window: The window of the rows.
        active: The logs of the active run, None where there is none, or its events were counted otherwise.
        is_first: Whether no run is active: events may begin or end within the window then.
    """
    warnings, known = list[RunWarning](), dict[str, Sequence[EventsDocument]]()
    for logs in (each for each in settings.event_logs if each.role.name in found):
        kept = list[EventsDocument]()
        before = _before(active, logs)
        of_kinds = _by_kind(found[logs.role.name].days, before, window, logs, is_first=is_first)
        for kind, days in of_kinds.items():
            earlier = before.get(kind, {})
            warnings += _warnings(logs, kind, days, earlier, settings)
            kept += [_document(day, kind, each) for day, each in latest_days(days, earlier).items()]
        known[logs.role.name] = kept
    return EventVolume(warnings, known)


def _by_kind(
    days: Iterable[EventsOfDay], before: Mapping[str, Days], window: Window, logs: EventLogs, *, is_first: bool
) -> dict[str, Days]:
    """Return the events of each day that the window holds as a whole, by kind; a day without any has 0."""
    counted: dict[str, dict[date, int]] = {kind: {} for kind in before}
    for each in days:
        if each.day is not None:
            counted.setdefault(each.kind, {})[each.day] = each.events
    of_kinds = dict[str, Days]()
    for kind, events in counted.items():
        within = _whole_days(window)
        if is_first:
            within = [day for day in within if events and min(events) <= day <= max(events)]
        of_kinds[kind] = {day: _volume(events.get(day, 0), logs) for day in within}
    return of_kinds


def _whole_days(window: Window) -> list[date]:
    utc = zone("UTC")
    days = dates_of(window, utc)
    return [
        day for n, day in enumerate(days) if (n > 0 or midnight(day, utc) >= window.start) and _ends_within(day, window)
    ]


def _ends_within(day: date, window: Window) -> bool:
    return date.fromordinal(day.toordinal() + 1) <= window.end.astimezone(UTC).date()


def _before(active: LogsDocument | None, logs: EventLogs) -> dict[str, Days]:
    """Return the days that the active run and those before it read, by kind."""
    known: Sequence[EventsDocument] = getattr(active, f"known_{logs.role.days}") if active is not None else ()
    by_kind = dict[str, dict[date, Counts]]()
    for each in known:
        if each.day is not None:
            by_kind.setdefault(each.kind, {})[date.fromisoformat(each.day)] = _volume(each.events, logs)
    return dict(by_kind)


def _volume(events: float, logs: EventLogs) -> Counts:
    """Return events as what the volume of rows is judged by: wins are many, outcomes few."""
    is_win = logs.role == WINS
    return Counts(rows=int(events * is_win), exposure=0, outcome=events * (not is_win), value=0, cost=0)


def _document(day: date, kind: str, of_day: Counts) -> EventsDocument:
    return EventsDocument(day=str(day), kind=kind, events=int(of_day.rows + of_day.outcome))


def _warnings(logs: EventLogs, kind: str, days: Days, before: Days, settings: Settings) -> list[RunWarning]:
    role, warnings = logs.role, list[RunWarning]()
    what = f"{role.event}s of kind {kind!r}" if kind else f"{role.event}s"
    volume, unusual, restated = between_days(days), unusual_day(days, before), restated_day(days, before)
    if volume and not 1 / settings.max_volume_factor <= volume.factor <= settings.max_volume_factor:
        message = (
            f"{_found(volume, what)} times those of the other days ({volume.found:,.6g} of {volume.usual:,.6g}): look "
            f"into what delivers {logs.path}"
        )
        warnings.append(RunWarning(f"{role.event}_day_volume", message))
    elif unusual:
        message = (
            f"{_found(unusual, what)} times those of the most similar day ({unusual.found:,.6g} and "
            f"{unusual.usual:,.6g}), farther than days before were from each other: a holiday, or {role.words} that "
            "are not whole?"
        )
        warnings.append(RunWarning(f"{role.event}_day_unusual", message))
    if restated:
        message = (
            f"{_found(restated, what)} times those that an earlier run read of that day ({restated.found:,.6g} "
            f"and {restated.usual:,.6g}): it was not whole then, or is not now; {role.event}s that come late need "
            "maturity_lag_hours"
        )
        warnings.append(RunWarning(f"{role.event}_day_restated", message))
    return warnings


def _found(outlier: Outlier, what: str) -> str:
    return f"{what} of {outlier.day} are {outlier.factor:.3g}"
