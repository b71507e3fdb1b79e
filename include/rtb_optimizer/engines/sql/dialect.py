"""The spellings in which engines differ, each in one place; everything else of a statement is the same text.

Two differences show no error where they are missed: what stands for a quote in a literal, and sums that wrap.
"""

from collections.abc import Iterable
from datetime import datetime

SAMPLE_BUCKETS = 1_000_000
HASH_BUCKET = 2**64 // SAMPLE_BUCKETS
"""How many of the values of a hash of 64 bits are a bucket of the sample."""


class Dialect:
    """The SQL of DuckDB; the dialect of another engine overrides what it spells otherwise.

    Arguments and results are SQL, but for the names, texts and numbers that the spellings are of.
    """

    text_type = "VARCHAR"
    naive_type = "TIMESTAMP"
    zoned_type = "TIMESTAMP WITH TIME ZONE"

    def identifier(self, name: str) -> str:
        """Return a name, quoted."""
        return '"' + name.replace('"', '""') + '"'

    def literal(self, text: str) -> str:
        """Return a text as a literal."""
        return literal(text)

    def literals(self, texts: Iterable[str]) -> str:
        """Return texts as literals, as they are listed in `IN (...)`."""
        return ", ".join(map(self.literal, texts))

    def text(self, value: str) -> str:
        """Return a value as text."""
        return f"CAST({value} AS {self.text_type})"

    def number(self, text: str) -> str:
        """Return the number that a text spells, NULL where it spells none."""
        return f"TRY_CAST({text} AS DOUBLE)"

    def floored(self, number: str) -> str:
        """Return the largest whole number of 64 bits that is not above a number; NULL for NaN and beyond 64 bits."""
        return f"TRY_CAST(FLOOR({number}) AS BIGINT)"

    def summed(self, whole: str) -> str:
        """Return the sum of whole numbers, whatever its size."""
        return f"SUM({whole})"

    def instant(self, at: str) -> str:
        """Return the literal of an instant of naive UTC, `2026-03-06 08:15:00`."""
        return f"{self.naive_type} '{at}'"

    def naive(self, zoned: str) -> str:
        """Return a zoned instant in naive UTC."""
        return f"CAST({zoned} AT TIME ZONE 'UTC' AS {self.naive_type})"

    def zoned_of_text(self, text: str) -> str:
        """Return the zoned instant that a text of ISO 8601 spells, in UTC without an offset; NULL where it is none."""
        return f"TRY_CAST({text} AS {self.zoned_type})"

    def parsed(self, text: str, pattern: str) -> str:
        """Return the instant that a text spells by a pattern of strptime; NULL where it does not."""
        return f"try_strptime({text}, {self.literal(pattern)})"

    def of_micros(self, micros: str) -> str:
        """Return the instant of naive UTC that is whole microseconds after 1970."""
        return f"make_timestamp({micros})"

    def micros_of(self, instant: str) -> str:
        """Return the whole microseconds from 1970 to an instant of naive UTC."""
        return f"epoch_us({instant})"

    def local_day(self, instant: str, zone: str) -> str:
        """Return the date of an instant of naive UTC in a time zone."""
        return f"CAST(({instant} AT TIME ZONE 'UTC') AT TIME ZONE {self.literal(zone)} AS DATE)"

    def minute(self, instant: str) -> str:
        """Return the minute that an instant of naive UTC is in."""
        return f"date_trunc('minute', {instant})"

    def starts_with(self, text: str, beginning: str) -> str:
        """Return the test that a text begins with another."""
        return f"starts_with({text}, {self.literal(beginning)})"

    def row_hash(self, *values: str) -> str:
        """Return the engine's own hash of values."""
        return f"hash({', '.join(values)})"

    def portable_hash(self, text: str) -> str:
        """Return a hash of a text that is the same on every engine: the first 64 bits of MD5, in hexadecimal digits."""
        return f"SUBSTR(MD5({text}), 1, 16)"

    def is_portably_below(self, share: float) -> str:
        """Return the same as `is_below` of a `row_hash` that is portable."""
        return f"row_hash < '{round(share * SAMPLE_BUCKETS) * HASH_BUCKET:016x}'"

    def is_below(self, share: float) -> str:
        """Return the test that a `row_hash` is of the first buckets, which a share of the rows are in."""
        return f"row_hash < {round(share * SAMPLE_BUCKETS) * HASH_BUCKET}"


def literal(text: str) -> str:
    """Return a text as a literal of standard SQL, in which a quote is doubled."""
    return "'" + text.replace("'", "''") + "'"


def seconds(at: datetime) -> str:
    """Return an instant as it is written in a literal, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
