"""Finds the columns that the configuration names in files that spell, nest or store them otherwise.

A name is, in this order: a column; a column in another case; a path into the records and lists of a column
(`device.geo.country`, `imp.0.banner.w`; list elements count from 0, as in JSON); a key of the folders (`country=US/`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rtb_optimizer.errors import LogsInvalid

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What writers call the folder of the rows that have no value for its key."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configured name that is no column of the files by itself.

    `root` is the stored column that it is taken from, empty where it is a key of the folders; `sql` its expression.
    """

    name: str
    kind: str
    root: str
    sql: str


class Spelling(Protocol):
    """How an engine writes what a name is found as."""

    def column(self, name: str) -> str:
        """Return the expression of a stored column."""

    def path(self, root: str, parts: Sequence[str]) -> tuple[str, str] | None:
        """Return the expression of a path below a stored column, and its type; None where there is no such thing."""

    def key(self, name: str) -> str:
        """Return the expression of a key of the folders, a text."""


def resolve(
    names: Sequence[str], types: Mapping[str, str], urls: Sequence[str], below: str, spelling: Spelling
) -> list[Resolved]:
    """Return how the names that no column has are found; those that are found nowhere are left out.

    Raises:
        LogsInvalid: when a name fits two columns that differ in case alone.
    """
    by_fold = by_case(types)
    found = []
    for name in dict.fromkeys(names):
        spellings = by_fold.get(name.casefold(), [])
        if len(spellings) > 1:
            raise LogsInvalid(
                f"the logs have columns {' and '.join(map(repr, spellings))}, which differ in case alone: rename one "
                f"of them, {name!r} is either"
            )
        if name not in types:
            found.append(_spelled(name, spellings, types, spelling) or _path(name, by_fold, spelling))
            found[-1] = found[-1] or _folder_key(name, urls, below, spelling)
    return [each for each in found if each is not None]


def by_case(names: Sequence[str] | Mapping[str, object]) -> dict[str, list[str]]:
    """Return names by what they are without case."""
    by_fold: dict[str, list[str]] = {}
    for name in names:
        by_fold.setdefault(name.casefold(), []).append(name)
    return by_fold


def roots_of(name: str) -> list[str]:
    """Return the names that the column may have which a name is taken from, the longest first."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def key_pattern(name: str) -> str:
    """Return the pattern of a key of the folders, whose group is the value."""
    return f"(?i:/{re.escape(name)})=([^/]*)/"


def has_key(url: str, below: str, name: str) -> bool:
    """Whether a file lies in a folder `name=...`."""
    return re.search(key_pattern(name), url.removeprefix(below.rpartition("/")[0])) is not None


def stored_names(columns: Sequence[str], resolved: Sequence[Resolved], computed: Mapping[str, str]) -> dict[str, str]:
    """Return the name that files have for what each column is taken from; empty text for a key of the folders.

    Args:
        columns: The columns; those that the files of a table share a value of are left out.
        resolved: How some of them were found.
        computed: The columns of a table of a lake that its files call otherwise, empty text where none has it.
    """
    by_name, stored_as = {each.name: each for each in resolved}, {name.casefold(): s for name, s in computed.items()}
    found = {name: by_name[name].root if name in by_name else name for name in columns}
    return {
        name: stored_as.get(root.casefold(), root)
        for name, root in found.items()
        if stored_as.get(root.casefold()) != ""
    }


def files_lacking(
    roots: Mapping[str, str], urls: Sequence[str], below: str, has: Callable[[str, str], bool]
) -> Mapping[str, Sequence[str]]:
    """Return the files that lack what a column is taken from, by column, as far as there are any.

    Args:
        roots: What each is taken from, see `stored_names`.
        urls: The files.
        below: What their URLs begin with.
        has: Whether a file has a column, whatever its case.
    """

    def is_in(url: str, name: str, root: str) -> bool:
        return has(url, root) if root else has_key(url, below, name)

    lacking = {name: [url for url in urls if not is_in(url, name, root)] for name, root in roots.items()}
    return {name: without for name, without in lacking.items() if without}


def _spelled(name: str, spellings: Sequence[str], types: Mapping[str, str], spelling: Spelling) -> Resolved | None:
    if not spellings:
        return None
    return Resolved(name, types[spellings[0]], spellings[0], spelling.column(spellings[0]))


def _path(name: str, by_fold: Mapping[str, Sequence[str]], spelling: Spelling) -> Resolved | None:
    for above in roots_of(name)[1:]:
        for root in by_fold.get(above.casefold(), []):
            if (found := spelling.path(root, name[len(above) + 1 :].split("."))) is not None:
                return Resolved(name, found[1], root, found[0])
    return None


def _folder_key(name: str, urls: Sequence[str], below: str, spelling: Spelling) -> Resolved | None:
    if not any(has_key(url, below, name) for url in urls):
        return None
    return Resolved(name, "VARCHAR", "", spelling.key(name))
