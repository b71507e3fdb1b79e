"""Builds the SQL of a row's time in naive UTC, however the logs write it; NULL where it cannot be read."""

from rtb_optimizer.core.config.formats import EPOCHS
from rtb_optimizer.engines.sql.dialect import Dialect

_SMALLEST = (("1e11", "epoch_s"), ("1e14", "epoch_ms"), ("1e17", "epoch_us"), ("1e20", "epoch_ns"))
"""Below which size a number is in which unit: each bound is the year 5138 of its unit, and 1973 of the next."""

_DIGITS = (
    ("19900101000000", "21000101000000", "%Y%m%d%H%M%S"),
    ("19900101000000000", "21000101000000000", "%Y%m%d%H%M%S%g"),
)
"""Digits that are a date: as epochs they would be a time in the years 2600 to 2635."""


def time_of_text(text: str, pattern: str, dialect: Dialect) -> str:
    """Return the time of a text: by its pattern, else as ISO 8601 with or without an offset, else as an epoch.

    A cast to TIMESTAMP would drop the offset that a text may name.
    """
    if pattern in EPOCHS:
        return time_of_number(text, pattern, dialect)
    if pattern:
        return _naive(dialect.parsed(text, pattern), dialect)
    as_number = time_of_number(text, "", dialect)
    return f"COALESCE({_naive(dialect.zoned_of_text(text), dialect)}, {as_number})"


def time_of_number(value: str, pattern: str, dialect: Dialect) -> str:
    """Return the time of an epoch: in the unit that `pattern` names, else in the one that its size shows.

    Digits that are a date are read as whole numbers: seventeen of them are more than a DOUBLE holds.
    """
    number = dialect.number(value)
    if pattern in EPOCHS:
        return _of_epoch(f"{number} * {EPOCHS[pattern]}", dialect)
    digits = dialect.text(f"TRY_CAST({value} AS BIGINT)")
    if pattern:
        return _naive(dialect.parsed(digits, pattern), dialect)
    units = " ".join(f"WHEN ABS({number}) < {size} THEN {number} * {EPOCHS[unit]}" for size, unit in _SMALLEST)
    dates = " ".join(
        f"WHEN {number} >= {low} AND {number} < {high} THEN {dialect.parsed(digits, form)}"
        for low, high, form in _DIGITS
    )
    return f"CASE {dates} ELSE {_of_epoch(f'CASE {units} END', dialect)} END"


def _of_epoch(micros: str, dialect: Dialect) -> str:
    return dialect.of_micros(dialect.floored(micros))


def _naive(instant: str, dialect: Dialect) -> str:
    return dialect.naive(f"CAST({instant} AS {dialect.zoned_type})")
