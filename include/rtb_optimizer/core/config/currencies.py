"""Validates the currency rates of a configuration: a number, or a number by day."""

import re
from collections.abc import Mapping
from datetime import date

_CODE = re.compile("[A-Z]{3}")
LARGEST_RATE = 1e12
"""No unit of any currency is worth more; money of larger ones could not be counted to the millionth."""


def currency_problems(currency_column: str, timestamp_column: str, rates: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the rates of a configuration; rates by day need the time of a row."""
    problems = (
        ['currency_rates: currency_column is set but no rate is, such as {"USD": 1, "EUR": 1.08}']
        if currency_column and not rates
        else []
    )
    for code, rate in sorted(rates.items()):
        if not _CODE.fullmatch(code):
            problems.append(f"currency_rates: {code!r} is not an ISO 4217 currency code such as USD")
        by_day = rate if isinstance(rate, dict) else None
        if currency_column and by_day is not None and not timestamp_column:
            problems.append(
                f"currency_rates: {code} has rates by day, and timestamp_column, which gives a row's day, is not set"
            )
        if by_day == {}:
            problems.append(f"currency_rates: {code} has no rate on any day")
        problems += [
            f"currency_rates: {day!r} of {code} is not a date such as 2026-11-01"
            for day in by_day or ()
            if _no_day(day)
        ]
        numbers = [rate] if by_day is None else by_day.values()
        problems += [f"currency_rates: {n!r} of {code} is not a positive number" for n in numbers if _no_rate(n)]
    return problems


def _no_day(text: object) -> bool:
    try:
        return date.fromisoformat(str(text)).isoformat() != text
    except ValueError:
        return True


def _no_rate(number: object) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return not is_number or not 0 < number <= LARGEST_RATE  # type: ignore[operator]
