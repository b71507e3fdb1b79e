"""When was a row? Its instant, its local day, whether that is in the window: as SQL."""

from typing import TYPE_CHECKING

from rtb_optimizer.core.windows import zone
from rtb_optimizer.engines.row_identity import SOURCE_FILE, literal

if TYPE_CHECKING:
    from rtb_optimizer.engines.statements import LogTable

ZONED_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")


def in_window(table: "LogTable") -> list[str]:
    """Return the tests that a row's time is in the half-open window; none where rows have no time."""
    column = table.settings.timestamp_column
    if not column:
        return []
    tz = zone(table.settings.timezone)
    if table.types[column] == "DATE":
        start, end = (f"DATE '{t.astimezone(tz):%Y-%m-%d}'" for t in (table.window.start, table.window.end))
    else:
        start, end = (f"TIMESTAMP '{t:%Y-%m-%d %H:%M:%S}'" for t in (table.window.start, table.window.end))
    return [f"{instant_of(table)} >= {start}", f"{instant_of(table)} < {end}"]


def instant_of(table: "LogTable") -> str:
    """Return a row's time in naive UTC, or its date where the logs hold dates."""
    column = table.settings.timestamp_column
    kind, quoted = table.types[column], table.quote(column)
    if kind == "DATE":
        return quoted
    if kind in ZONED_TYPES:
        return f"CAST({quoted} AT TIME ZONE 'UTC' AS TIMESTAMP)"
    if kind == "VARCHAR":  # a text may name its offset, which a cast to TIMESTAMP would drop
        return f"CAST(CAST({quoted} AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC' AS TIMESTAMP)"
    return f"CAST({quoted} AS TIMESTAMP)"


def day_of(table: "LogTable") -> str:
    """Return a row's local date: that of its time, else that of its folder, else the window's first."""
    column, tz = table.settings.timestamp_column, table.settings.timezone
    if column and (table.types[column] == "DATE" or tz == "UTC"):
        return f"CAST({instant_of(table)} AS DATE)"
    if column:
        return f"CAST(({instant_of(table)} AT TIME ZONE 'UTC') AT TIME ZONE {literal(tz)} AS DATE)"
    dated = {url: day for url, day in table.days.items() if day is not None}
    if not dated:
        return f"DATE '{table.window.start.astimezone(zone(tz)):%Y-%m-%d}'"
    cases = " ".join(f"WHEN starts_with({SOURCE_FILE}, {literal(url)}) THEN DATE '{day}'" for url, day in dated.items())
    return f"CASE {cases} END"
