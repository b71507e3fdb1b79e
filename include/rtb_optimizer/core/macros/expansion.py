"""Expands a combo as a platform does, and reads it back as a bidder does; a value is read as its own or not at all.

`expanded` is the platform's side; `read` specifies every reader of a combo: split at the separator, decode as often
as was encoded, canonicalise, and translate the platform's ids to ours.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from rtb_optimizer.core.macros.dialect import Derived
from rtb_optimizer.core.macros.route import Cause, Place, Route
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES, canonical

HOURS = 24
SECONDS = {Derived.UNIX_SECONDS: 1, Derived.UNIX_MILLISECONDS: 1000}
_ISO = re.compile(r"\d{4}-\d\d-\d\dT(\d{1,2}):\d\d.*")


def expanded(values: Sequence[str], route: Route) -> str:
    """Return a platform's expansion of a combo for a request: `values` in the order of the places, canonical.

    A macro without a value on the platform, or without a known one, stays unexpanded.
    """
    texts = [_expanded(value, place, route) for value, place in zip(values, route.places, strict=True)]
    return route.separator.join(texts)[: route.combo_limit]


def read(text: str, route: Route) -> list[str | None] | None:
    """Return the value at each place of an expanded combo, None where the text does not carry it.

    None altogether where the text cannot be split: it has more or fewer parts than there are features, since a value
    holds the separator, or it is as long as the limit, and may be cut.
    """
    parts = text.split(route.separator)
    cut = route.combo_limit is not None and len(text) >= route.combo_limit
    if cut or len(parts) != len(route.places):
        return None
    return [_read(part, place, route) for part, place in zip(parts, route.places, strict=True)]


def cause_of(value: str, place: Place, route: Route) -> Cause | None:
    """Return why a canonical value would not be read at its place; None where it would, or where it is no value."""
    if place.gap is not None or value in NO_VALUES:
        return place.gap
    if place.derived is not None:
        return None if _moment(value, place.derived) else Cause.NOT_DERIVABLE
    if value == MISSING:
        return None if route.missing else Cause.MISSING_UNDOCUMENTED
    if place.ids is not None and value not in place.ids:
        return Cause.NOT_IN_VALUE_MAP
    text = value if place.ids is None else place.ids[value]
    causes = {
        Cause.DELIMITER: route.separator in text,
        Cause.TRUNCATED: place.characters is not None and len(text) >= place.characters,
        Cause.READS_AS_MISSING: place.ids is None and text.lower() in _missing(route),
        Cause.CASE_FOLDED: route.folds_values and text.lower() != text,
    }
    return next((cause for cause, holds in causes.items() if holds), None)


def _expanded(value: str, place: Place, route: Route) -> str:
    if place.gap is not None or value in NO_VALUES:
        return place.macro
    if place.derived is not None:
        text = _moment(value, place.derived)
    elif value == MISSING:
        text = route.missing[0] if route.missing else None
    else:
        text = value if place.ids is None else place.ids.get(value)
    if text is None:
        return place.macro
    text = text.lower() if route.folds_values else text
    text = text[: place.characters]
    for _ in range(place.encodings):
        text = quote_plus(text) if route.plus_for_space else quote(text, safe="")
    return text


def _read(part: str, place: Place, route: Route) -> str | None:
    if place.gap is not None or part == place.macro:
        return None
    for _ in range(place.encodings):
        part = unquote_plus(part) if route.plus_for_space else unquote(part)
    if place.characters is not None and len(part) >= place.characters:
        return None
    if place.derived is not None:
        return _hour(part, place.derived)
    if place.ids is not None:
        return place.ours.get(part, MISSING if part.lower() in _missing(route) else None)
    value = canonical(part, _missing(route), is_host=place.is_host)
    return None if value in NO_VALUES else value


def _missing(route: Route) -> frozenset[str]:
    return frozenset(spelling.lower() for spelling in route.missing)


def _moment(hour: str, derived: Derived) -> str | None:
    """Return an instant within an hour in the platform's format; None where the value is no hour from 0 to 23."""
    if hour not in {str(n) for n in range(HOURS)}:
        return None
    if derived is Derived.ISO_8601:
        return f"2026-01-01T{int(hour):02}:30:00.000Z"
    return str((int(hour) * 3600 + 1800) * SECONDS[derived])


def _hour(text: str, derived: Derived) -> str | None:
    """Return the hour of an instant in UTC, in the format of the logs: 0 to 23."""
    if derived is Derived.ISO_8601:
        match = _ISO.fullmatch(text)
        return str(int(match[1])) if match else None
    if not (text.isascii() and text.isdecimal()):
        return None
    return str(int(text) // SECONDS[derived] // 3600 % HOURS)
