"""Expands a combo as a platform does, and reads it back as a bidder does; a value is read as its own or not at all.

`expanded` is the platform's side; `read` specifies every reader of a combo: split at the separator, decode as often
as was encoded, canonicalise, and translate the platform's ids to ours.
"""

from collections.abc import Sequence
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from rtb_optimizer.core.macros.moments import hour_of, moment_of
from rtb_optimizer.core.macros.route import Cause, Place, Route
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES, canonical


def expanded(values: Sequence[str], route: Route, form: int = 0) -> str:
    """Return a platform's expansion of a combo for a request: `values` in the order of the places, canonical.

    A macro without a value on the platform, or without a known one, stays unexpanded. `form` numbers the documented
    forms of an instant.
    """
    texts = [_expanded(value, place, route, form) for value, place in zip(values, route.places, strict=True)]
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
        return None if moment_of(value, place.derived) else Cause.NOT_DERIVABLE
    if value == MISSING:
        return None if _spellings(place, route) else Cause.MISSING_UNDOCUMENTED
    if place.ids is not None and value not in place.ids:
        return Cause.NOT_IN_VALUE_MAP
    text = value if place.ids is None else place.ids[value]
    causes = {
        Cause.DELIMITER: route.separator in text,
        Cause.TRUNCATED: place.characters is not None and len(text) >= place.characters,
        Cause.READS_AS_MISSING: place.ids is None and text.lower() in _missing(place, route),
        Cause.CASE_FOLDED: route.folds_values and text.lower() != text,
    }
    return next((cause for cause, holds in causes.items() if holds), None)


def _expanded(value: str, place: Place, route: Route, form: int) -> str:
    if place.gap is not None or value in NO_VALUES:
        return place.macro
    if place.derived is not None:
        text = moment_of(value, place.derived, form)
    elif value == MISSING:
        text = next(iter(_spellings(place, route)), None)
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
        return hour_of(part, place.derived)
    if place.ids is not None:
        return place.ours.get(part, MISSING if part.lower() in _missing(place, route) else None)
    value = canonical(part, _missing(place, route), is_host=place.is_host)
    return None if value in NO_VALUES else value


def _missing(place: Place, route: Route) -> frozenset[str]:
    return frozenset(spelling.lower() for spelling in _spellings(place, route))


def _spellings(place: Place, route: Route) -> tuple[str, ...]:
    return route.missing if place.missing is None else place.missing
