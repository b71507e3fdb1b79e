"""Identifies a row by a hash: it draws the sample, splits the rows into folds, and finds duplicates.

The hash never holds the outcome, the value or the cost: rows that share it are drawn together and share a fold, and
rows of one outcome must not. What identifies a row is its configured id; where it has none, its place: its file and its
position there.
"""

from rtb_optimizer.core.config.logs_path import fixed_part
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.engines.sql.dialect import Dialect

SOURCE_FILE = "rtb_optimizer_source_file"
SOURCE_ROW = "rtb_optimizer_source_row"
"""The engine's own columns, the file of a row and its position there; no log has a column of these names."""


def row_hash(settings: Settings, dialect: Dialect) -> str:
    """Return the hash of a row's id, and of its place where it has no id or lacks a part of it.

    The place counts from the fixed part of `logs_path`: logs that are copied to another bucket draw the same sample. A
    rank among rows that are alike in everything else would hold in any order of the rows, and costs the sort of all
    rows: ten scans, where the place costs nothing.
    """
    file = f"REPLACE({SOURCE_FILE}, {dialect.literal(fixed_part(settings.logs_path))}, '')"
    place = hashed(settings, dialect, file, SOURCE_ROW)
    if not settings.row_id_columns:
        return place
    of_id = hashed(settings, dialect, *map(dialect.identifier, settings.row_id_columns))
    return f"CASE WHEN {without_id(settings, dialect)} THEN {place} ELSE {of_id} END"


def is_portable(settings: Settings) -> bool:
    """Whether hashes are the same on every engine."""
    return settings.sample_hash == "portable"


def hashed(settings: Settings, dialect: Dialect, *values: str) -> str:
    """Return the hash of values: the engine's own of 64 bits, or the portable one, 16 hexadecimal digits."""
    if not is_portable(settings):
        return dialect.row_hash(*values)
    texts = [dialect.text(value) for value in values]
    return dialect.portable_hash(texts[0] if len(texts) == 1 else " || ".join(f"MD5({text})" for text in texts))


def has_id(settings: Settings, dialect: Dialect) -> str:
    """Return the test that a row has its whole configured id."""
    return f"NOT ({without_id(settings, dialect)})" if settings.row_id_columns else "FALSE"


def measured_columns(settings: Settings) -> list[str]:
    """Return the columns of a row's time and measures."""
    s = settings
    named = (s.timestamp_column, s.outcome_column, s.exposure_column, s.weight_column, s.value_column, s.cost_column)
    priced = (s.bid_column, s.currency_column)
    return sorted({column for column in (*named, *priced) if column})


def without_id(settings: Settings, dialect: Dialect) -> str:
    """Return the test that a row lacks a part of its configured id: it repeats no other."""
    missing = ", ".join(
        dialect.literal(value) for value in sorted({value.lower() for value in settings.missing_values})
    )
    tests = [f"{dialect.identifier(column)} IS NULL" for column in settings.row_id_columns]
    if missing:
        tests += [
            f"LOWER({dialect.text(dialect.identifier(column))}) IN ({missing})" for column in settings.row_id_columns
        ]
    return " OR ".join(tests) or "FALSE"


def without_person(settings: Settings, text: str, dialect: Dialect) -> str:
    """Return the test that a row has no id of a person; `text` is SQL of the id as text. One of zeros is none."""
    missing = ", ".join(
        dialect.literal(value) for value in sorted({value.lower() for value in settings.missing_values})
    )
    tests = [f"{text} IS NULL", f"REPLACE(REPLACE({text}, '-', ''), '0', '') = ''"]
    return " OR ".join([*tests, f"LOWER({text}) IN ({missing})"] if missing else tests)
