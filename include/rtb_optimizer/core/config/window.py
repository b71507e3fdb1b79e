"""Resolves the window [data_start, data_end) of a run.

Explicit dates, else the schedule's data interval, else the last complete day. All bounds are midnights of the
entity's time zone, given as UTC instants, so a day may have 23 or 25 hours.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rtb_optimizer.errors import WindowInvalid

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open, in UTC instants, start before end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise WindowInvalid(f"window [{self.start}, {self.end}) needs instants with a time zone")
        if self.start >= self.end:
            raise WindowInvalid(f"data_start {self.start:%F %R} must be before data_end {self.end:%F %R}")


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """The inputs of a window: the dates of the form, or the data interval of a schedule, and the start time."""

    now: datetime
    data_start: str | None = None
    data_end: str | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class WindowRules:
    """The days of a window without dates, the most days of any, and the least age of its end."""

    lookback_days: int = 1
    max_days: int = 1000
    maturity_lag: timedelta = timedelta(0)


def resolve_window(request: WindowRequest, tz: ZoneInfo, rules: WindowRules) -> Window:
    """Return the window of a run: its dates, else its data interval, else the last complete days that are mature.

    Only the window of an interval may be too young: its run waits.

    Raises:
        WindowInvalid: when the dates are no window, or its logs cannot be complete yet.
    """
    window = dated = _window_of_dates(request.data_start, request.data_end, tz)
    if (
        window is None
        and request.interval_start
        and request.interval_end
        and request.interval_start < request.interval_end
    ):
        window = _window_of_interval(request.interval_start, request.interval_end, tz, rules.lookback_days)
    window = window or _last_complete_days(request.now - rules.maturity_lag, tz, rules.lookback_days)
    if window.end > request.now:
        raise WindowInvalid(f"data_end {window.end:%F %R} UTC is in the future: its logs cannot be complete")
    if dated and (mature := window.end + rules.maturity_lag) > request.now:
        raise WindowInvalid(
            f"data_end {window.end:%F %R} UTC is younger than maturity_lag_hours "
            f"({rules.maturity_lag / timedelta(hours=1):g}): events of that window may still arrive; run it after "
            f"{mature:%F %R} UTC, or lower maturity_lag_hours"
        )
    if (days := len(dates_of(window, tz))) > rules.max_days:
        raise WindowInvalid(
            f"window [{window.start:%F %R}, {window.end:%F %R}) UTC has {days} days, more than the {rules.max_days} of "
            "max_window_days: choose a shorter one, or raise max_window_days"
        )
    return window


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name.

    Raises:
        WindowInvalid: when there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowInvalid(f"timezone {name!r} is not an IANA name such as Europe/Berlin") from None


def _window_of_dates(data_start: str | None, data_end: str | None, tz: ZoneInfo) -> Window | None:
    """Read the two dates of a manual run, YYYY-MM-DD: both or neither; the end is exclusive.

    Raises:
        WindowInvalid: for one without the other, for what is no date, for a start not before the end.
    """
    if not data_start and not data_end:
        return None
    if not data_start or not data_end:
        raise WindowInvalid("give both data_start and data_end, or neither")
    return Window(midnight(_date(data_start), tz), midnight(_date(data_end), tz))


def _window_of_interval(start: datetime, end: datetime, tz: ZoneInfo, lookback_days: int = 1) -> Window:
    """Return the whole local days that a data interval ends, `lookback_days` of them.

    An interval [D-1 03:17, D 03:17) covers day D-1: logs are cut at midnight, whenever the run starts. An interval
    shorter than a day is taken as it is.
    """
    if timedelta(0) < end - start < timedelta(hours=22):  # a DST day has 23 hours
        return Window(start.astimezone(UTC), end.astimezone(UTC))
    return _last_complete_days(end, tz, lookback_days)


def _last_complete_days(now: datetime, tz: ZoneInfo, days: int = 1) -> Window:
    """Return the last whole local days that ended at or before `now`."""
    today = now.astimezone(tz).date()
    return Window(midnight(today - days * _DAY, tz), midnight(today, tz))


def dates_of(window: Window, tz: ZoneInfo) -> list[date]:
    """Return every local date that the window touches, in order: the partitions to read."""
    first = window.start.astimezone(tz).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(tz).date()
    return [first + n * _DAY for n in range((last - first).days + 1)]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WindowInvalid(f"{text!r} is not a date: write YYYY-MM-DD") from None


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """Return the instant, in UTC, at which a local day begins."""
    return datetime.combine(day, time(), tz).astimezone(UTC)
