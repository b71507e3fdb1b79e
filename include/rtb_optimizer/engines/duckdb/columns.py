"""Finds the columns that the configuration names in files that spell, nest or store them otherwise.

A name is, in this order: a column; a column in another case; a path into the records and lists of a column
(`device.geo.country`, `imp.0.banner.w`; list elements count from 0, as in JSON); a key of the folders (`country=US/`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rtb_optimizer.engines.duckdb.names import quoted
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE
from rtb_optimizer.errors import LogsInvalid

TEXTS, RECORDS = ("VARCHAR", "JSON"), ("STRUCT", "MAP")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"

Describe = Callable[[str], str | None]
"""Returns the type of an expression over the stored columns; None where there is no such thing."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configured name that is no column of the files by itself.

    `root` is the stored column that it is taken from, empty where it is a key of the folders; `sql` its expression.
    """

    name: str
    kind: str
    root: str
    sql: str


def resolve(
    names: Sequence[str], types: Mapping[str, str], urls: Sequence[str], below: str, describe: Describe
) -> list[Resolved]:
    """Return how the names that no column has are found; those that are found nowhere are left out.

    Raises:
        LogsInvalid: when a name fits two columns that differ in case alone.
    """
    by_fold: dict[str, list[str]] = {}
    for name in types:
        by_fold.setdefault(name.casefold(), []).append(name)
    found = []
    for name in dict.fromkeys(names):
        spellings = by_fold.get(name.casefold(), [])
        if len(spellings) > 1:
            raise LogsInvalid(
                f"the logs have columns {' and '.join(map(repr, spellings))}, which differ in case alone: rename one "
                f"of them, {name!r} is either"
            )
        if name not in types:
            found.append(_spelled(name, spellings, types) or _path(name, by_fold, types, describe))
            found[-1] = found[-1] or _folder_key(name, urls, below)
    return [each for each in found if each is not None]


def has_key(url: str, below: str, name: str) -> bool:
    """Whether a file lies in a folder `name=...`."""
    return re.search(_key_pattern(name), url.removeprefix(below.rpartition("/")[0])) is not None


def _spelled(name: str, spellings: Sequence[str], types: Mapping[str, str]) -> Resolved | None:
    if not spellings:
        return None
    return Resolved(name, types[spellings[0]], spellings[0], quoted(spellings[0]))


def _path(
    name: str, by_fold: Mapping[str, Sequence[str]], types: Mapping[str, str], describe: Describe
) -> Resolved | None:
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        for root in by_fold.get(".".join(parts[:n]).casefold(), []):
            if (found := _below(root, types[root], parts[n:], describe)) is not None:
                return Resolved(name, found[1], root, found[0])
    return None


def _below(root: str, kind: str, parts: Sequence[str], describe: Describe) -> tuple[str, str] | None:
    """Return the expression of a path below a column, and its type; None where there is no such thing."""
    sql = quoted(root)
    if kind in TEXTS:
        path = "".join(f"[{part}]" if part.isdigit() else f'."{part}"' for part in parts)
        return f"CASE WHEN json_valid({sql}) THEN json_extract_string({sql}, {literal('$' + path)}) END", "VARCHAR"
    for part in parts:
        if kind.endswith("]"):
            if not part.isdigit():
                return None
            sql += f"[{int(part) + 1}]"
        else:
            sql += f"[{literal(part)}]"
        below = describe(sql) if kind.endswith("]") or kind.startswith(RECORDS) else None
        if below is None:
            return None
        kind = below
    return sql, kind


def _folder_key(name: str, urls: Sequence[str], below: str) -> Resolved | None:
    if not any(has_key(url, below, name) for url in urls):
        return None
    value = f"url_decode(regexp_extract({SOURCE_FILE}, {literal('.*' + _key_pattern(name))}, 1))"
    return Resolved(name, "VARCHAR", "", f"NULLIF(NULLIF({value}, ''), {literal(_NO_VALUE)})")


def _key_pattern(name: str) -> str:
    return f"(?i:/{re.escape(name)})=([^/]*)/"
