"""Finds how a folder of logs is laid out, by the keys in it: the path with its dates, the days, the marker."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rtb_optimizer.logs.completeness import HOURS, is_hidden

MIN_SHARE = 0.95
"""A layout is that of all files but for a few strays."""
_MARKERS = (re.compile(r"_SUCCESS"), re.compile(r"_committed_.+"), re.compile(r"(?i)_?(done|complete|finished)(\..*)?"))
MAX_SLUG = 40
_PATTERNS = ("_SUCCESS", "_committed_*", "")
_KEY = re.compile(r"([A-Za-z_][\w.-]*)=([^/]*)/")


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to write dates: what matches them, and the path that names them."""

    matches: re.Pattern[str]
    written: str

    @property
    def has_hours(self) -> bool:
        return "%H" in self.written or "%-H" in self.written


_Y, _M, _D, _H = r"(?P<y>20\d\d)", r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12]\d|3[01])", r"(?P<h>[01]\d|2[0-3])"
_FORMS = (
    _Form(re.compile(rf"(?<!\d){_Y}/{_M}/{_D}/{_H}(?=/)"), "{date:%Y/%m/%d/%H}"),
    _Form(
        re.compile(rf"(?<!\d){_Y}(?P<k1>[-_]?){_M}(?P=k1){_D}(?P<k2>[-_T]?){_H}(?!\d)"),
        "{{date:%Y{k1}%m{k1}%d{k2}%H}}",
    ),
    _Form(re.compile(rf"(?<!\d){_Y}/{_M}/{_D}(?=/)"), "{date:%Y/%m/%d}"),
    _Form(
        re.compile(rf"(?P<k1>\w+=){_Y}/(?P<k2>\w+=)(?P<m>\d{{1,2}})/(?P<k3>\w+=)(?P<d>\d{{1,2}})(?=/)"),
        "{k1}{{date:%Y}}/{k2}{{date:%m}}/{k3}{{date:%d}}",
    ),
    _Form(re.compile(rf"(?<!\d){_Y}-{_M}-{_D}(?!\d)"), "{date}"),
    _Form(re.compile(rf"(?<!\d){_Y}_{_M}_{_D}(?!\d)"), "{date:%Y_%m_%d}"),
    _Form(re.compile(rf"(?<!\d){_Y}{_M}{_D}(?!\d)"), "{date:%Y%m%d}"),
)
"""The ways that dates are written, the most specific first."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How logs are laid out below a URL.

    Attributes:
        logs_path: The path with its dates, as the config key has it.
        days: The days that have files.
        missing_days: Days between the first and the last without any.
        marker: What completes a folder, as `completion_marker` has it; empty where there is none.
        folder_keys: Keys of the folders that are columns.
        files: How many files there are.
        by_day: The keys of the files of each day; all of them under None where they have no dates.
    """

    logs_path: str
    days: Sequence[date]
    missing_days: Sequence[date]
    marker: str
    folder_keys: Sequence[str]
    files: int
    by_day: Mapping[date | None, Sequence[str]]


def layout_of(url: str, keys: Sequence[str], prefix: str) -> Layout:
    """Return the layout of the files below a URL.

    Args:
        url: The URL, with a slash at its end where it is a folder.
        keys: The keys of all objects below it.
        prefix: The key prefix of the URL.
    """
    below = [key.removeprefix(prefix) for key in keys]
    markers = [path for path in below if _marker_name(path) and not is_hidden(path.rpartition("/")[0])]
    data = [path for path in below if path not in set(markers) and not is_hidden(path) and not path.endswith("/")]
    template, by_day = _dated(data)
    days = sorted(day for day in by_day if day is not None)
    whole = [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)] if days else []
    return Layout(
        logs_path=url + template,
        days=days,
        missing_days=[day for day in whole if day not in by_day],
        marker=_marker(url, template, markers, len(by_day)),
        folder_keys=_folder_keys(data, template),
        files=len(data),
        by_day={day: [prefix + path for path in paths] for day, paths in by_day.items()},
    )


def _dated(data: Sequence[str]) -> tuple[str, dict[date | None, list[str]]]:
    """Return the path of the dates, empty where there are none, and the files of each day."""
    for form in _FORMS:
        found = {path: match for path in data if (match := form.matches.search(path)) and _day(match) is not None}
        if len(found) < MIN_SHARE * len(data) or not found:
            continue
        templates = Counter(_template(path, match, form) for path, match in found.items())
        template, count = templates.most_common(1)[0]
        if count < MIN_SHARE * len(data):
            continue
        if form.has_hours and not _has_whole_days(found.values()):
            continue
        by_day = defaultdict[date | None, list[str]](list)
        for path, match in found.items():
            by_day[_day(match)].append(path)
        dates = {(_day(match), match["h"]) for match in found.values()} if form.has_hours else by_day
        if "/" in template or len(dates) == len(found):  # a date in a file's name stands for one file, to its end
            return template, dict(by_day)
    return "", {None: list(data)}


def _template(path: str, match: re.Match[str], form: _Form) -> str:
    """Return a path with its date as a field: up to the end of the folder that holds it, or of the file."""
    keys = {name: text for name, text in match.groupdict().items() if name.startswith("k")}
    written = form.written.format(**keys) if keys else form.written
    if keys and (len(match["m"]) == 1 or len(match["d"]) == 1):
        written = written.replace("%m", "%-m").replace("%d", "%-d")
    before, after = path[: match.start()], path[match.end() :]
    folder, slash, _ = after.partition("/")
    return f"{before}{written}{folder}{slash}" if slash else f"{before}{written}{after}"


def _day(match: re.Match[str]) -> date | None:
    try:
        return date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        return None


def _has_whole_days(matches: Iterable[re.Match[str]]) -> bool:
    """Whether each day but the first and the last has all of its hours."""
    hours = defaultdict[date | None, set[str]](set)
    for match in matches:
        hours[_day(match)].add(match["h"])
    inner = sorted(day for day in hours if day is not None)[1:-1]
    return bool(inner) and all(len(hours[day]) == HOURS for day in inner)


def _marker_name(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(pattern.fullmatch(name) for pattern in _MARKERS)


def _marker(url: str, template: str, markers: Sequence[str], folders: int) -> str:
    """Return the marker that most folders have, the URL of one at the root, or empty text."""
    for pattern, spelled in zip(_MARKERS, _PATTERNS, strict=True):
        own = [path for path in markers if pattern.fullmatch(path.rpartition("/")[2])]
        depths = Counter(folder.count("/") + 1 for folder in {path.rpartition("/")[0] for path in own if "/" in path})
        of_days, of_hours = depths[template.count("/")], depths[template.count("/") + 1]
        if (of_days and of_days >= MIN_SHARE * folders) or (of_hours and of_hours >= MIN_SHARE * folders * HOURS):
            return spelled or own[0].rpartition("/")[2]
        if template and any("/" not in path for path in own):
            return url + next(path for path in own if "/" not in path)
    return ""


def _folder_keys(data: Sequence[str], template: str) -> list[str]:
    """Return the keys of folders that vary, but for those of the dates."""
    of_dates = {name for name, value in _KEY.findall(template + "/") if "{date" in value}
    values = defaultdict[str, set[str]](set)
    for path in data:
        for name, value in _KEY.findall(path):
            values[name].add(value)
    return sorted(name for name, found in values.items() if name not in of_dates and len(found) > 1)


def slug(url: str) -> str:
    """Return a name for what lies below a URL, such as an entity's code: of its last folders that are no dates."""
    bucket, _, path = url.lower().removeprefix("s3://").partition("/")
    folders = [folder for folder in path.partition("{")[0].split("/") if folder and "=" not in folder]
    name = "_".join(re.findall(r"[a-z0-9]+", "_".join(folders[-2:] or [bucket])))
    return name[-MAX_SLUG:].lstrip("0123456789_") or "my_ssp"
