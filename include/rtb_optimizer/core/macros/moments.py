"""Reads the hour, in UTC, off the instants that macros expand to, and writes an instant in each documented form.

The forms of a VAST timestamp are those of ISO 8601 that its specification names: with or without milliseconds, hours of
one digit, and a zone as `-05`, `+05:30`, `+0530` or `Z`. A text without a zone is local to nobody knows where, and is
not read. An instant of another precision than the platform's is not read either. Beeswax's `{{BID_TIME_UTC}}` is in UTC
by its name, and its documents do not describe its form: the date and time of the platform's logs is read, and an epoch
in seconds, milliseconds or microseconds, distinguished by magnitude.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

from rtb_optimizer.core.macros.dialect import Derived

HOURS = 24
_FIRST_MILLISECOND = 10**11
"""Below are seconds of the next thousand years, above are milliseconds since 1973."""
_EPOCHS = ((10**9, 1), (_FIRST_MILLISECOND, 1_000), (10**14, 1_000_000))
"""The least epoch of each precision, and its parts of a second: 2001 for seconds, 1973 for both of the others."""
_LAST_EPOCH = 10**17
_INSTANT = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T +](\d{1,2})(?::?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?)? ?(Z|([+ -])(\d\d)(?::?(\d\d))?)?",
    re.ASCII | re.IGNORECASE,
)
_UNIX = re.compile(r"(\d{1,17})(?:\.\d{1,9})?", re.ASCII)

_ISO_FORMS = (
    ("{0:%Y-%m-%d}T{0:%H:%M:%S}.127Z", 0),
    ("{0:%Y-%m-%d}T{0.hour}:{0:%M:%S}.127-05", -300),
    ("{0:%Y-%m-%d}T{0:%H:%M:%S}+05:30", 330),
    ("{0:%Y-%m-%d}T{0:%H:%M:%S}.127+1345", 825),
    ("{0:%Y-%m-%d}T{0:%H:%M}Z", 0),
    ("{0:%Y%m%d}T{0:%H%M%S}-0930", -570),
    ("{0:%Y-%m-%d}T{0:%H:%M:%S},127000+00", 0),
)
_UTC_FORMS = (
    ("{0:%Y-%m-%d} {0:%H:%M:%S}", 0),
    ("{0:%Y-%m-%d} {0:%H:%M:%S}.127", 0),
    ("{0:%Y-%m-%d}T{0:%H:%M:%S}Z", 0),
    ("{1}", 0),
    ("{1}127", 0),
    ("{1}127881", 0),
)


def moment_of(hour: str, derived: Derived, form: int = 0) -> str | None:
    """Return an instant within an hour of UTC as a platform writes it; None where the value is no hour from 0 to 23.

    `form` numbers the documented forms, beginning again after the last.
    """
    if hour not in {str(n) for n in range(HOURS)}:
        return None
    instant = datetime(2026, 3, 1, int(hour), 40, 15, tzinfo=UTC)
    seconds = int(instant.timestamp())
    if derived in (Derived.ISO_8601, Derived.UTC_DATE_TIME):
        forms = _ISO_FORMS if derived is Derived.ISO_8601 else _UTC_FORMS
        text, minutes = forms[form % len(forms)]
        return text.format(instant.astimezone(timezone(timedelta(minutes=minutes))), seconds)
    return str(seconds if derived is Derived.UNIX_SECONDS else seconds * 1000 + 127)


def hour_of(text: str, derived: Derived) -> str | None:
    """Return the hour in UTC of an instant, 0 to 23 as in the logs; None for a text in another form."""
    if derived is Derived.UTC_DATE_TIME and (match := _UNIX.fullmatch(text)):
        return _hour_of_epoch(int(match[1]))
    if derived in (Derived.ISO_8601, Derived.UTC_DATE_TIME):
        return _hour_of_date(unquote(text), has_zone=derived is Derived.UTC_DATE_TIME)
    match = _UNIX.fullmatch(text)
    if match is None:
        return None
    number, is_milliseconds = int(match[1]), derived is Derived.UNIX_MILLISECONDS
    if (number >= _FIRST_MILLISECOND) != is_milliseconds:
        return None
    return str(number // (1000 if is_milliseconds else 1) // 3600 % HOURS)


def _hour_of_epoch(number: int) -> str | None:
    """Return the hour in UTC of an epoch; its magnitude determines the precision."""
    parts = [parts for least, parts in _EPOCHS if least <= number < _LAST_EPOCH]
    return str(number // parts[-1] // 3600 % HOURS) if parts else None


def _hour_of_date(text: str, *, has_zone: bool) -> str | None:
    """Return the hour in UTC of a date with a time; `has_zone`: one without a zone is in UTC."""
    match = _INSTANT.fullmatch(text)
    if match is None or not (match[7] or has_zone):
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return str((local + offset if match[8] == "-" else local - offset).hour)
    except (ValueError, OverflowError):
        return None
