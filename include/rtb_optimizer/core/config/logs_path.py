"""Where the logs of a window lie: the folders that `logs_path` names.

A field `{date}` stands for a day as YYYY-MM-DD, `{date:PATTERN}` for the parts of it that strftime's directives name:
`{date:%Y/%m/%d}`, `year={date:%Y}/month={date:%m}/day={date:%d}`; with `%H` each hour has a folder of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.window import Window, dates_of, midnight

HOUR = timedelta(hours=1)
_FIELD = re.compile(r"\{date(?::([^{}]*))?\}")
_DIRECTIVE = re.compile(r"%(-?[A-Za-z])")
_ISO = "%Y-%m-%d"
_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04d}",
    "y": lambda at: f"{at.year % 100:02d}",
    "m": lambda at: f"{at.month:02d}",
    "d": lambda at: f"{at.day:02d}",
    "H": lambda at: f"{at.hour:02d}",
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "-m": lambda at: str(at.month),
    "-d": lambda at: str(at.day),
    "-H": lambda at: str(at.hour),
}
"""The directives, with and without leading zeros: strftime of the C library has the latter on some systems only."""
_YEARS, _HOURS = {"Y", "y"}, {"H", "-H"}
_SPELLINGS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (re.compile(r"!\{timestamp:([^{}]*)\}", re.IGNORECASE), lambda m: f"{{date:{_of_java(m[1])}}}"),  # Firehose
    (re.compile(r"[$!]?\{+\s*(?:ds_nodash|yyyymmdd|date_nodash)\s*\}+", re.IGNORECASE), lambda _: "{date:%Y%m%d}"),
    (
        re.compile(r"[$!]?\{+\s*(?:ds|dt|day_date|yyyy-mm-dd|data_date|logical_date|date)\s*\}+", re.IGNORECASE),
        lambda _: "{date}",
    ),
    (re.compile(r"[$!]?\{+\s*(?:yyyy|year|y)\s*\}+", re.IGNORECASE), lambda _: "{date:%Y}"),
    (re.compile(r"[$!]?\{+\s*(?:mm|month|m)\s*\}+", re.IGNORECASE), lambda _: "{date:%m}"),
    (re.compile(r"[$!]?\{+\s*(?:dd|day|d)\s*\}+", re.IGNORECASE), lambda _: "{date:%d}"),
    (re.compile(r"[$!]?\{+\s*(?:hh|hour|hr|h)\s*\}+", re.IGNORECASE), lambda _: "{date:%H}"),
    (re.compile(r"\{(?:date|ds|dt):([^{}%]*)\}", re.IGNORECASE), lambda m: f"{{date:{_of_java(m[1])}}}"),
    (re.compile(r"(?<![{:%A-Za-z0-9])((?:%[YymdHj][/_-]?)+)(?![^{]*\})"), lambda m: _outside(m[1])),
)
"""How other systems write the parts of a date, and how they are written here."""
_JAVA = (("yyyy", "%Y"), ("YYYY", "%Y"), ("MM", "%m"), ("dd", "%d"), ("DD", "%d"), ("HH", "%H"), ("hh", "%H"))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder (or file) of logs: its URL, its day, and its hour where each hour has a folder."""

    url: str
    day: date | None
    hour: int | None = None


def is_dated(logs_path: str) -> bool:
    """Whether the path names a folder for each day, or hour."""
    return _FIELD.search(logs_path) is not None


def is_hourly(logs_path: str) -> bool:
    """Whether each hour has a folder of its own."""
    return bool(_HOURS & _directives(logs_path))


def fixed_part(logs_path: str) -> str:
    """Return what the URLs of all files begin with."""
    return logs_path.partition("{")[0]


def folders_of(logs_path: str, window: Window, tz: ZoneInfo) -> list[Folder]:
    """Return the folders that can hold rows of a window, in order; days and hours are those on the clock of `tz`."""
    if not is_dated(logs_path):
        return [Folder(logs_path, None)]
    if not is_hourly(logs_path):
        days = dates_of(window, tz)
        return [Folder(_filled(logs_path, datetime(day.year, day.month, day.day)), day) for day in days]  # noqa: DTZ001
    hours = {(at.date(), at.hour): at for at in _hours(window, tz)}  # the hour that a clock shows twice is one folder
    return [Folder(_filled(logs_path, at), day, hour) for (day, hour), at in hours.items()]


def filled(path: str, folder: Folder) -> str:
    """Return another path with the parts of a folder's date."""
    day = folder.day or date.min
    return _filled(path, datetime(day.year, day.month, day.day, folder.hour or 0))  # noqa: DTZ001


def shared_by_hours(logs_path: str, folder: Folder) -> str:
    """Return what the URLs of all hours of a folder's day begin with, and of no other day's.

    Empty where hours have no folders of their own, or the hour is named before the day.
    """
    hour = next((found for found in _DIRECTIVE.finditer(logs_path) if found[1] in _HOURS), None)
    if hour is None:
        return ""
    before = logs_path[: hour.start()]
    before += "}" if before.rfind("{") > before.rfind("}") else ""
    before = before.removesuffix("{date:}")
    return filled(before, folder) if _names_days(_directives(before)) else ""


def hours_of(day: date, tz: ZoneInfo) -> list[int]:
    """Return the hours that a day has on the clock of a zone; a day in spring lacks one."""
    whole = Window(midnight(day, tz), midnight(day + timedelta(days=1), tz))
    return sorted({at.hour for at in _hours(whole, tz)})


def logs_path_problems(logs_path: str) -> Sequence[str]:
    """Return what of a path is no form that is read, each with the nearest one that is."""
    rest = _FIELD.sub("", logs_path)
    unknown = sorted(f"%{name}" for name in _directives(logs_path) - _PARTS.keys())
    named = ", ".join(f"%{name}" for name in _PARTS)
    if found := next((glyph for glyph in "*?[{}" if glyph in rest), ""):
        problem = f"{logs_path!r} has {found!r} that is not part of {{date}} or {{date:PATTERN}}"
    elif re.search(r"[$!]\{", logs_path):
        problem = f"{logs_path!r} has a sign before its brace"
    elif re.search(r"%[YymdHj](?![0-9A-Fa-f])", rest):
        problem = f"{logs_path!r} has parts of a date outside of {{date:...}}"
    elif unknown:
        problem = f"{logs_path!r} has {', '.join(unknown)}; a pattern has {named}"
    elif any(part == "" for part in _FIELD.findall(logs_path) if "{date:}" in logs_path):
        problem = f"{logs_path!r} has an empty pattern"
    elif is_dated(logs_path) and not _names_days(_directives(logs_path)):
        problem = f"{logs_path!r} does not name the day: a pattern needs %Y, %m and %d, or %Y and %j"
    else:
        return ()
    nearest = nearest_form(logs_path)
    return (f"logs_path: {problem}{f'; write {nearest}' if nearest else ''}",)


def nearest_form(logs_path: str) -> str:
    """Return the path in the form that is read, where the meaning is known; else empty text."""
    known, counter = {}, iter(range(logs_path.count("{") + logs_path.count("%") + 1))
    path = logs_path

    def stored(text: str) -> str:
        known[key := f"\0{next(counter)}\0"] = text
        return key

    for pattern, written in _SPELLINGS:
        path = pattern.sub(_then(stored, written), path)
    for key, text in known.items():
        path = path.replace(key, text)
    if (glob := re.search(r"[*?\[]", _FIELD.sub(lambda m: " " * len(m[0]), path))) is not None:
        path = path[: path.rfind("/", 0, glob.start()) + 1]  # all that lies below a folder is read
    return path if path != logs_path and path.count("/") > 2 and not logs_path_problems(path) else ""  # noqa: PLR2004


def _then(stored: Callable[[str], str], written: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    return lambda match: stored(written(match))


def _names_days(names: set[str]) -> bool:
    return bool(names & _YEARS) and ("j" in names or bool(names & {"m", "-m"} and names & {"d", "-d"}))


def _patterns(logs_path: str) -> list[str]:
    return [pattern or _ISO for pattern in _FIELD.findall(logs_path)]


def _directives(logs_path: str) -> set[str]:
    return {name for pattern in _patterns(logs_path) for name in _DIRECTIVE.findall(pattern)}


def _filled(logs_path: str, at: datetime) -> str:
    return _FIELD.sub(lambda field: _DIRECTIVE.sub(lambda d: _PARTS[d[1]](at), field[1] or _ISO), logs_path)


def _hours(window: Window, tz: ZoneInfo) -> Iterator[datetime]:
    """Yield the hours on the clock of a zone that a window touches, those of the repeated hour both."""
    at = window.start.astimezone(tz).replace(minute=0, second=0, microsecond=0).astimezone(window.start.tzinfo)
    while at < window.end:
        yield at.astimezone(tz)
        at += HOUR


def _of_java(pattern: str) -> str:
    for java, directive in _JAVA:
        pattern = pattern.replace(java, directive)
    return pattern


def _outside(directives: str) -> str:
    """Return directives outside of braces as a field; a separator at the end stays outside."""
    body = directives.rstrip("/_-")
    return f"{{date:{body}}}{directives[len(body) :]}"
