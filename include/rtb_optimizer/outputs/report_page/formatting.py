"""Formats values for a person: thousands apart, shares in percent, a dash for what is not known."""

import json
import math
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeGuard

UNKNOWN = "\u2013"
MINUS = "\u2212"  # the sign, as wide as a plus: a hyphen is easily overlooked
HIDDEN = {"Cc", "Cf", "Cs"}  # control and format characters, halves of surrogate pairs
SIGNIFICANT = 3
THOUSAND = 1000


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that can be written: NaN and the infinities are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_share(name: object) -> bool:
    """Whether a figure of that name is a part of a whole, which is read in percent."""
    return isinstance(name, str) and name.lower().replace("_", " ").split()[-1:] in (["rate"], ["share"], ["gain"])


def formatted(value: object, kind: str) -> str:
    """Return a value as a person reads it; `kind` is a key of KINDS, `text`, `code` or `list`."""
    if kind == "text":
        return text(value)
    if kind == "code":
        return text(value).replace("_", " ")
    if kind == "list":
        return (
            ", ".join(text(item) if item != "" else "(empty)" for item in value)
            if isinstance(value, Sequence) and value
            else UNKNOWN
        )
    return KINDS[kind](value) if is_number(value) else UNKNOWN


def text(value: object) -> str:
    """Return a value of a configuration, or a name, as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or UNKNOWN
    if isinstance(value, int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return UNKNOWN


def visible(raw: str) -> str:
    """Return a text in which nothing hides: a direction override would turn round what is written after it."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in HIDDEN else "\ufffd" for c in raw)


def count(value: float) -> str:
    """Return 1,234,567; weighted logs give parts, which show in small ones: 590.8."""
    whole = value == round(value) or abs(value) >= THOUSAND
    return _signed_as_minus(f"{value:,.0f}" if whole else f"{value:,.1f}")


def percent(value: float) -> str:
    """Return a share with three significant digits: 80%, 34.2%, 1.01%, 0.0512%."""
    rounded = round(100 * value, 9) + 0.0  # no negative zero
    if rounded == round(rounded):
        return _signed_as_minus(f"{rounded:,.0f}%")
    decimals = max(SIGNIFICANT - 1 - math.floor(math.log10(abs(rounded))), 0)
    return _signed_as_minus(f"{rounded:,.{decimals}f}%")


def change(value: float) -> str:
    """Return a relative change with its sign: +3.20%."""
    return f"+{percent(value)}" if value > 0 else percent(value)


def number(value: float) -> str:
    """Return a number of any size: 40, 1,234.50, 1.234, 0.00123."""
    if value == round(value):
        return count(value)
    if abs(value) >= THOUSAND:
        return _signed_as_minus(f"{value:,.2f}")
    return _signed_as_minus(f"{value:.{SIGNIFICANT}f}" if abs(value) >= 1 else f"{value:.{SIGNIFICANT}g}")


def multiplier(value: float) -> str:
    """Return a factor on bids or outcomes, three decimals, so that a column of them lines up."""
    return _signed_as_minus(f"{value:,.3f}")


def log_factor(value: float) -> str:
    """Return a part of a change of a logarithm as the factor that it is."""
    return multiplier(math.exp(value))


def money(value: float) -> str:
    """Return an amount in the currency of the logs, whichever that is."""
    return _signed_as_minus(f"{value:,.2f}")


def rough(value: float) -> str:
    """Return a number whose first decimal is all that matters."""
    return _signed_as_minus(f"{value:,.1f}")


def byte_size(value: float) -> str:
    """Return a size in decimal units: 25.4 kB."""
    for unit in ("bytes", "kB", "MB"):
        if value < THOUSAND:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= THOUSAND
    return f"{value:,.1f} GB"


def window(start: Any, end: Any) -> str:  # noqa: ANN401 - whatever a document holds
    """Return the half-open window of two ISO instants: `2026-03-03 00:00 to 2026-03-10 00:00 UTC`."""
    if start is None and end is None:
        return "window not recorded"
    instants = [_instant(start), _instant(end)]
    zones = {f"{each:%Z}" for each in instants if isinstance(each, datetime)}
    joined = " to ".join(f"{each:%Y-%m-%d %H:%M}" if isinstance(each, datetime) else each for each in instants)
    return f"{joined} {zones.pop()}".strip() if len(zones) == 1 else joined


def _instant(value: object) -> datetime | str:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else UNKNOWN
    except ValueError:
        return text(value)


def _signed_as_minus(formatted: str) -> str:
    return formatted.replace("-", MINUS)


KINDS: dict[str, Callable[[float], str]] = {
    "count": count,
    "percent": percent,
    "log_factor": log_factor,
    "change": change,
    "number": number,
    "multiplier": multiplier,
    "money": money,
    "rough": rough,
    "bytes": byte_size,
}
