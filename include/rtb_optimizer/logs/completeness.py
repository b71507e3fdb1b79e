"""Decides by its markers whether a folder of logs is complete.

Either the marker stands at the folder's own path, or every sub-folder with data has one of its own and they are as many
as a whole day has. A marker anywhere else does not count for the day: an hour that is written early has one, too.
"""

import re
from collections.abc import Collection, Sequence

HOURS = 24
FOUND = 0
"""The value of `markers_per_day` for which the number of markers is known from the names of the folders alone."""
_HOUR = re.compile(r"(?:(?:hour|hh|hr|h)=)?([01]\d|2[0-3])", re.IGNORECASE)
MAX_LISTED = 3


def missing_markers(
    data: Sequence[str], marked: Collection[str], marker: str, expected: int, hours: Sequence[int]
) -> str:
    """Return a description of what a folder with data lacks to be complete; empty where it lacks nothing.

    Args:
        data: The paths of its data, below the folder.
        marked: The paths of the sub-folders that hold a marker; empty text for the folder itself.
        marker: The marker's name.
        expected: `markers_per_day`: how many sub-folders have a marker of their own on a whole day.
        hours: The hours that its day has.
    """
    if "" in marked:
        return ""
    owners = {path: _owner(path, marked) for path in data}
    folders = {owner for owner in owners.values() if owner is not None}
    if not folders:
        return f"no {marker}"
    unfinished = sorted({path.rpartition("/")[0] for path, owner in owners.items() if owner is None})
    if unfinished:
        return f"no {marker} in {_listed([folder or 'the folder itself' for folder in unfinished])}"
    found = _hours_of(marked)
    if found is not None and expected in (FOUND, HOURS):
        absent = [f"{hour:02d}" for hour in hours if hour not in found]
        return f"no {marker} of the hours {_listed(absent)}" if absent else ""
    if expected == FOUND:
        return (
            f"{len(folders)} of its folders have a {marker}, the day itself has none; set markers_per_day to the "
            "number of a whole day"
        )
    return "" if len(folders) == expected else f"{len(folders)} folders with a {marker}, markers_per_day is {expected}"


def is_hidden(path: str) -> bool:
    """Whether a path is not data by convention: writers use names with `_` and `.` for their own files."""
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _owner(path: str, marked: Collection[str]) -> str | None:
    """Return the outermost folder of a path that holds a marker."""
    parts = path.split("/")
    folders = ("/".join(parts[:n]) for n in range(1, len(parts)))
    return next((folder for folder in folders if folder in marked), None)


def _hours_of(folders: Collection[str]) -> set[int] | None:
    """Return the hours that folders are named by; None where one is named otherwise."""
    matches = [_HOUR.fullmatch(folder) for folder in folders]
    return {int(match[1]) for match in matches if match} if all(matches) else None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
