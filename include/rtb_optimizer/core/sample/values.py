"""Canonicalises feature values, and joins them to segment keys.

The same rules serve the logs, the look-up and the macros, so that a bid finds its segment. Canonicalisation works
on distinct values, after counting: counts of values that become one are added up before any rate is taken.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

MISSING = "__missing__"
UNEXPANDED = "__unexpanded__"
OTHER = "__other__"
WILDCARD = "*"

NO_VALUES = frozenset({UNEXPANDED, OTHER})
"""Placeholders that no bid request can hold."""

SPELLING_VERSION = 1
"""Raised whenever `canonical` changes its result for a value: tables of two versions do not compare."""

MAX_VALUE_BYTES = 256
"""A longer value is not an id that a macro could carry: it becomes `__other__`."""

# The six bracket families of ad macros: ${X}, %%X%%, [X], {X}, {{X}}, ##X##.
_UNEXPANDED = re.compile(
    r"\$\{[\w:.-]+\}|%%[\w:.-]+%%|\[%?[A-Za-z][\w:.-]*%?\]|\{\{?\s*[A-Za-z][\w:.|\s-]*\}?\}|##[\w-]+##"
)
PLAIN, WHOLE_FLOAT = r"^[0-9A-Za-z_:/-][0-9A-Za-z_.:/-]{0,63}$", r"^-?\d+\.0+$"
"""Values that need no trimming, normalising or expanding, and whole numbers with decimals, which do.

On plain values, engines' regular expressions agree with Python's.
"""
_PLAIN, _WHOLE_FLOAT = re.compile(PLAIN), re.compile(WHOLE_FLOAT)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # cannot be stored as UTF-8
_HOST_END = re.compile(r"[\s.]+$")


def canonical(raw: object, missing: frozenset[str], *, is_host: bool = False) -> str:
    """Return the canonical form of a raw value.

    Trimmed and in Unicode NFC; `512.0` is `512`, `-0.0` is `0`: SQL groups both zeros and may return either; control
    characters become spaces; hosts are lower-case without trailing dot; what the source writes for "nothing" is
    `__missing__`, an unexpanded macro `__unexpanded__`, and a value over 256 bytes `__other__`. `missing` holds
    lower-case forms. The function is idempotent, so that a value of the table can be looked up as it stands.
    """
    if raw is None:
        return MISSING
    written = str(raw)
    if not is_host and _PLAIN.fullmatch(written) and not _WHOLE_FLOAT.fullmatch(written):
        return MISSING if written.lower() in missing else written
    trimmed = unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", written))).strip()
    text = _whole(_host(trimmed) if is_host else trimmed)
    if not missing.isdisjoint((trimmed.lower(), text.lower())):
        return MISSING
    if _UNEXPANDED.fullmatch(text) or ("%" in text and _UNEXPANDED.fullmatch(unquote(text))):
        return UNEXPANDED
    return OTHER if len(text.encode()) > MAX_VALUE_BYTES else text


def _host(text: str) -> str:
    return _HOST_END.sub("", unicodedata.normalize("NFC", text.lower()))  # lower case may take another composed form


def _whole(text: str) -> str:
    if not _WHOLE_FLOAT.fullmatch(text):
        return text
    whole = text.partition(".")[0]
    return "0" if whole == "-0" else whole


def segment_key(parts: Iterable[str | None], delimiter: str = "|") -> str:
    """Join the parts of a pattern, None standing for "any value", so that no two patterns share a key."""
    return delimiter.join(_escaped(part, delimiter) for part in parts)


def segment_keys(columns: Iterable[Sequence[str | None]], delimiter: str = "|") -> list[str]:
    """Return the `segment_key` of each row of some columns of parts: distinct parts are escaped once."""
    return list(map(delimiter.join, zip(*(_escaped_column(column, delimiter) for column in columns), strict=True)))


def _escaped_column(column: Sequence[str | None], delimiter: str) -> list[str]:
    escaped = {part: _escaped(part, delimiter) for part in set(column)}
    return [escaped[part] for part in column]


def split_key(key: str, delimiter: str = "|") -> list[str | None]:
    """Undo `segment_key`."""
    if "\\" not in key:  # as most keys are; a table has tens of thousands
        return [None if part == WILDCARD else part for part in key.split(delimiter)]
    parts: list[str] = [""]
    characters = iter(key)
    for character in characters:
        if character == delimiter:
            parts.append("")
        elif character == "\\":
            parts[-1] += character + next(characters, "")
        else:
            parts[-1] += character
    return [None if part == WILDCARD else re.sub(r"(?s)\\(.)", r"\1", part) for part in parts]


def _escaped(part: str | None, delimiter: str) -> str:
    if part is None:
        return WILDCARD
    if part == WILDCARD:
        return "\\" + WILDCARD
    if "\\" not in part and delimiter not in part:
        return part
    return part.replace("\\", "\\\\").replace(delimiter, "\\" + delimiter)
