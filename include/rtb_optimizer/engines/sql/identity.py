"""Chooses the columns that identify a row: their hash draws the sample and finds duplicates."""

from collections.abc import Callable, Mapping

from rtb_optimizer.core.config.settings import Settings

SOURCE_FILE = "rtb_optimizer_source_file"
"""The engine's own column, the source file of a row; no log has a column of this name."""


def identifying_columns(settings: Settings, types: Mapping[str, str]) -> list[str]:
    """Return the configured row id; else the time and the money; else, where there is no time, all columns.

    Text columns are left out where possible: hashing them costs as much as reading them, and a time with prices
    identifies rows as well.
    """
    if settings.row_id_columns:
        return settings.row_id_columns
    if types.get(settings.timestamp_column, "").startswith("TIMESTAMP"):
        money = (settings.cost_column, settings.value_column)
        return sorted({settings.timestamp_column, *(column for column in money if column)})
    return [column for column in sorted(types) if column != SOURCE_FILE]


def measured_columns(settings: Settings) -> list[str]:
    """Return the columns of a row's time and measures."""
    s = settings
    named = (s.timestamp_column, s.outcome_column, s.exposure_column, s.weight_column, s.value_column, s.cost_column)
    priced = (s.bid_column, s.currency_column)
    return sorted({column for column in (*named, *priced) if column})


def without_id(settings: Settings, quote: Callable[[str], str]) -> str:
    """Return the test that a row lacks a part of its configured id: it repeats no other."""
    missing = ", ".join(literal(value) for value in sorted({value.lower() for value in settings.missing_values}))
    tests = [f"{quote(column)} IS NULL" for column in settings.row_id_columns]
    if missing:
        tests += [f"LOWER(CAST({quote(column)} AS VARCHAR)) IN ({missing})" for column in settings.row_id_columns]
    return " OR ".join(tests) or "FALSE"


def without_person(settings: Settings, text: str) -> str:
    """Return the test that a row has no id of a person; `text` is SQL of the id as text. One of zeros is none."""
    missing = ", ".join(literal(value) for value in sorted({value.lower() for value in settings.missing_values}))
    tests = [f"{text} IS NULL", f"REPLACE(REPLACE({text}, '-', ''), '0', '') = ''"]
    return " OR ".join([*tests, f"LOWER({text}) IN ({missing})"] if missing else tests)


def literal(text: str) -> str:
    """Return a string as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
