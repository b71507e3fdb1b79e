"""What a sample of the rows says of a column, and what its name says of money."""

from dataclasses import dataclass
from datetime import date

from rtb_optimizer.core.selection.denied_names import words

ID_SHARE = 0.98
"""A column is an id where it has about as many values as rows."""
MAX_MISSING = 0.95
"""A column of which more is missing is no id, and no feature."""
YES_AND_NO = 2
TIME_WORDS = ("time", "timestamp", "tstamp", "ts", "datetime", "date", "day", "hour", "at", "epoch", "usec")
_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column over a sample of the rows.

    Attributes:
        name: Its name, a path for what is in a record.
        kind: Its SQL type.
        missing: The share of rows without a value.
        values: About how many distinct values it has.
        rows: How many rows were looked at.
        lowest, highest: The bounds of its values, as text.
        mean: The mean of what can be read as a number, None where little can.
        shared: The share of the rows with a value whose value ten rows or more have.
        is_time: Whether nearly all of its values can be read as times of the last decades.
        examples: All of its values, the most frequent first, where they are few.
        days: The first and the last day of its times.
        time_format: The form of its times, as `timestamp_format` has it; empty where they need none.
        other_format: Another form that reads all of them as other days; empty where there is none.
        written: How its texts write numbers that are not read, such as "a decimal comma"; empty where they do not.
    """

    name: str
    kind: str
    missing: float
    values: int
    rows: int
    lowest: str = ""
    highest: str = ""
    mean: float | None = None
    shared: float = 0.0
    is_time: bool = False
    examples: tuple[str, ...] = ()
    days: tuple[date, date] | None = None
    time_format: str = ""
    other_format: str = ""
    written: str = ""

    @property
    def is_id(self) -> bool:
        """Whether nearly each row has a value of its own."""
        return self.rows > 1 and self.values >= ID_SHARE * self.rows * (1 - self.missing) and self.missing < MAX_MISSING


def names_time(name: str) -> bool:
    """Return whether a word of a name, or its end, is one of times, as in `event_ts`, `TimeUsec2` and `rxtimestamp`."""
    return has_word(name, *TIME_WORDS) or name.lower().rstrip("0123456789_").endswith(("time", "timestamp", "tstamp"))


def has_word(name: str, *wanted: str) -> bool:
    """Return whether one of the words, or its plural, is a word of a name, or the whole name without its separators."""
    parts = {*words(name), "".join(words(name))}
    return any(word in parts or f"{word}s" in parts for word in wanted)


def money_score(each: ColumnFacts, *names: str) -> float:
    """Return how much a column looks like money of these names, the likeliest first; 0 where it does not.

    A number with a fraction may be another in each row and still be no id.
    """
    is_id = each.is_id and not each.kind.startswith(_FRACTIONS)
    return 0 if is_id else amount_score(each, *names)


def amount_score(each: ColumnFacts, *names: str) -> float:
    """Return the same of a column that may have as many values as rows, whatever their type."""
    if each.mean is None or each.is_time or has_word(each.name, "id", "currency", "floor"):
        return 0
    return sum((len(names) - n) * has_word(each.name, name) for n, name in enumerate(names))
