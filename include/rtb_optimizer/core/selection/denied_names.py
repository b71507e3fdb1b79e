"""Matches the names of columns against the denied ones, word by word.

`ifa` denies `device_ifa`, `device.ifa` and `deviceIfa`; `ip` denies `device_ip`, and neither `zip` nor `ship`. A name
that ends with an attribute of what is denied, such as `ip_country` or `user_id_type`, identifies nobody and is not
denied by `ip` or `user_id`; a denied name that holds the attribute itself denies it.
"""

import re
from collections.abc import Collection, Iterable, Iterator

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")

ATTRIBUTES = frozenset(
    {
        *("age", "available", "asn", "bucket", "carrier", "category", "city", "class", "connection"),
        *("consent", "continent", "count", "country", "dma", "domain", "enabled", "family", "host"),
        *("isp", "kind", "length", "level", "match", "matched", "metro", "present", "region"),
        *("score", "source", "state", "status", "supported", "timezone", "type", "valid", "version"),
    }
)
"""Last words of names that describe what is denied instead of holding it."""
FLAGS = frozenset({"has", "is"})
"""First words of names that hold a yes or no about what is denied."""


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: split at signs, at capitals, and between letters and digits."""
    return [word.lower() for word in _WORD.findall(name)]


def denied_by(column: str, denied: Iterable[str]) -> str | None:
    """Return the first of the denied names that matches a column's name, or None.

    The words of the denied name must be consecutive words of the column's, in singular or plural; they may be joined in
    either (`user_id` denies `userid`, `UserIDs` and `user_id_64`).
    """
    parts = words(column)
    runs = set(_identifying_runs(parts))
    joined = "".join(parts)
    for name in denied:
        wanted = "".join(words(name))
        if name == column or (wanted and (joined == wanted or not runs.isdisjoint((wanted, f"{wanted}s")))):
            return name
    return None


def denied_names(columns: Iterable[str], denied: Collection[str], allowed: Collection[str] = ()) -> dict[str, str]:
    """Return the columns that are denied, each with the denied name that matches it; those `allowed` are left out."""
    matched = {column: denied_by(column, denied) for column in columns if column not in allowed}
    return {column: name for column, name in matched.items() if name is not None}


def _identifying_runs(parts: list[str]) -> Iterator[str]:
    """Yield the runs of words, joined, that could be an id: none of a flag, only the last ones of an attribute."""
    if len(parts) > 1 and parts[0] in FLAGS:
        return
    has_attribute = len(parts) > 1 and parts[-1] in ATTRIBUTES
    for start in range(len(parts)):
        for end in range(start + 1, len(parts) + 1):
            if not has_attribute or end == len(parts):
                yield "".join(parts[start:end])
